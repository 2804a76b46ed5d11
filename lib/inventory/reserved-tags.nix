# Groups that always exist, so no tag may have their name: all hosts, and the hosts of each base. The command
# line has the same list in `operator/src/inventory/selector.rs`.
{ types }: [ "all" ] ++ types.shared.choices.base
