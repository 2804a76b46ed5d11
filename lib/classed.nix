# Calls lib.evalModules for modules of a class. Release 22.11 has no module classes.
{ lib }:
let
  hasClasses = lib.functionArgs lib.evalModules ? class;
in
class: arguments: lib.evalModules (arguments // (if hasClasses then { inherit class; } else { }))
