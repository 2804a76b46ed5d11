# Constants that the builder and the command line use too: the words that an option accepts, defaults and
# limits. The file is in the directory of the contract crate, because that crate is compiled from its own
# directory alone.
builtins.fromJSON (builtins.readFile ../../contract/src/values/options.json)
