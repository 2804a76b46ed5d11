# Removes all but the named fields from an element of a collection. A module may have added fields that the
# host does not know.
{ lib }: names: builtins.intersectAttrs (lib.genAttrs names (_: null))
