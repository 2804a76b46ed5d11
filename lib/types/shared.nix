# Facts that the builder and the command line know too: the words that an option takes, defaults, limits. They
# are in the folder of the contract because its crate is compiled from that alone.
builtins.fromJSON (builtins.readFile ../../contract/src/values/options.json)
