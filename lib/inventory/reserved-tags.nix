# Groups that exist always, so that no tag may be called like them: every host, and the hosts of each base. The command line
# has the same words in `cli/src/inventory/selector.rs`.
[
  "all"
  "ubuntu"
  "nixos"
]
