# `nixfleet.healthChecks.<name>.http`: a request to a web server.
{ lib, types }:
let
  inherit (lib) mkOption;

  headers =
    example: description:
    mkOption {
      type = types.entries {
        description = "a set of header values by name";
        key = types.headerName;
        keyExample = "X-Example";
        element = types.line;
      };
      default = { };
      inherit description example;
    };
in
types.record {
  description = "a set with url";
  check =
    { loc, value, ... }@given:
    let
      here = lib.showOption loc;
      mistake = types.problem.at given;
    in
    lib.optional (value.method == "HEAD" && (value.bodyContains != null || value.bodyMatches != null)) (
      mistake "${here} uses the method HEAD, but checks the body" "an answer to HEAD has no body"
        "${here}.method = \"GET\";"
    )
    ++ lib.optional (value.bodyContains == "" || value.bodyMatches == "") (
      mistake "${here} has an empty bodyContains" "every body contains the empty string"
        "${here}.bodyContains = \"ready\";"
    );
  fields = {
    url = mkOption {
      type = types.httpUrl;
      defaultText = lib.literalMD "none, it must be given";
      example = "http://localhost:8080/health";
      description = ''
        What is asked for. From the host, `https` takes the host's own `curl` and the certificates it trusts; so it does from
        the operator's side. No proxy is used.
      '';
    };
    method = mkOption {
      type = types.oneOf types.shared.choices.checkMethod;
      default = "GET";
      example = "HEAD";
      description = "How it is asked for.";
    };
    requestHeaders =
      headers
        {
          Host = "www.example.org";
        }
        "Headers to send. Everybody who can read the Nix store can read them: they are no place for secrets.";
    status = mkOption {
      type = types.nullOr (
        types.intBetween {
          noun = "a status";
          low = 100;
          high = 599;
          placeholder = 200;
        }
      );
      default = null;
      defaultText = lib.literalMD "any of 200 to 299";
      example = 204;
      description = "The status of a good answer.";
    };
    bodyContains = mkOption {
      type = types.nullOr types.string;
      default = null;
      example = "ready";
      description = "Text that the first MiB of the body has to contain.";
    };
    bodyMatches = mkOption {
      type = types.nullOr types.line;
      default = null;
      example = "\"version\": *\"2\\.[0-9]+\"";
      description = ''
        A regular expression that some part of the first MiB of the body has to match, in the syntax of Rust's crate
        `regex-lite`.
      '';
    };
    responseHeaders = headers {
      Content-Type = "application/json";
    } "Headers of a good answer, each with text that its value has to contain.";
    maxRedirects = mkOption {
      type = types.intBetween {
        noun = "a number";
        low = 0;
        high = 10;
        placeholder = 0;
      };
      default = 0;
      example = 3;
      description = "How many redirections to follow. Without any, a redirection is an answer like others.";
    };
    verifyCertificate = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Whether the certificate of an `https` server has to be valid.";
    };
  };
}
