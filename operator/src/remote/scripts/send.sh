# shellcheck shell=sh disable=SC2154
# Standard input: a conversation with `nix-store`, over which a closure comes.
facts none
as_root "$store" --serve --write
