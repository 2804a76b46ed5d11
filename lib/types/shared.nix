# Constants that the Nix code, the builder and the command line share: the words that options accept, default
# values, and limits. The file is in the directory of the contract crate, because that crate is compiled from
# its own directory alone.
builtins.fromJSON (builtins.readFile ../../contract/src/values/options.json)
