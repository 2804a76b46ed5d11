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
      defaultText = lib.literalMD "none: the option must be set";
      example = "http://localhost:8080/health";
      description = ''
        The address to request. For `https`, the machine on which the check runs uses its own `curl` and the
        certificates that it trusts. No proxy is used.
      '';
    };
    method = mkOption {
      type = types.oneOf types.shared.choices.checkMethod;
      default = "GET";
      example = "HEAD";
      description = "The HTTP method of the request.";
    };
    requestHeaders =
      headers
        {
          Host = "www.example.org";
        }
        "Headers to send. They must not contain secrets, because everybody who can read the Nix store can read them.";
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
      description = "The status code that the answer must have.";
    };
    bodyContains = mkOption {
      type = types.nullOr types.string;
      default = null;
      example = "ready";
      description = "A text that the first MiB of the body must contain.";
    };
    bodyMatches = mkOption {
      type = types.nullOr types.line;
      default = null;
      example = "\"version\": *\"2\\.[0-9]+\"";
      description = ''
        A regular expression that must match some part of the first MiB of the body, in the syntax of the Rust crate
        `regex-lite`.
      '';
    };
    responseHeaders = headers {
      Content-Type = "application/json";
    } "Headers that the answer must have, each with a text that its value must contain.";
    maxRedirects = mkOption {
      type = types.intBetween {
        noun = "a number";
        low = 0;
        high = 10;
        placeholder = 0;
      };
      default = 0;
      example = 3;
      description = "How many redirects to follow. With 0, a redirect is checked like any other answer.";
    };
    verifyCertificate = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Whether the certificate of an `https` server must be valid.";
    };
  };
}
