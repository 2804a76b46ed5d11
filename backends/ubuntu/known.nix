# An element of a collection with these of its fields alone: a module may have added more, of which the host knows nothing.
{ lib }: names: builtins.intersectAttrs (lib.genAttrs names (_: null))
