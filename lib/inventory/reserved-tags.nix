# The names of the groups that always exist: all hosts, and the hosts of each base. No tag may have one of
# these names. The command line has the same list in `operator/src/inventory/selector.rs`.
{ types }: [ "all" ] ++ types.shared.choices.base
