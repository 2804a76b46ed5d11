# Finds hosts that have settings for colmena, although colmena cannot deploy them.
{
  # All hosts, with the defaults applied.
  all,
  lib,
  ofHosts,
  wrong,
}:
let
  isRight = host: !lib.elem "hosts.${host.name}.base" wrong;
  having = lib.filter (host: host.deployment.keys != { } && host.base != "nixos" && isRight host) all;
  first = lib.head having;
in
lib.optional (having != [ ]) (
  ofHosts having "deployment" {
    what = "hosts.${first.name}.deployment.keys has no effect, because the base of the host is \"${first.base}\"";
    why = "colmena copies the keys, and it deploys only hosts with the base \"nixos\"";
    help = "remove the keys, and copy the secrets to the host with another tool";
  }
)
