# The names of module arguments that `specialArgs` cannot set: NixFleet or the module system sets them.
[
  "config"
  "host"
  "hosts"
  "inputs"
  "lib"
  "name"
  "options"
  "pkgs"
]
