# Removes all fields of an entry except those in `names`. A user's module may have added fields that the host
# does not know.
{ lib }: names: builtins.intersectAttrs (lib.genAttrs names (_: null))
