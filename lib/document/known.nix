# Restricts an element of a collection to these fields: a module may have added others, which the host does
# not know.
{ lib }: names: builtins.intersectAttrs (lib.genAttrs names (_: null))
