# The names that other tools use for mode, owner and group.
{
  permissions = "mode";
  perms = "mode";
  user = "owner";
  uid = "owner";
  gid = "group";
}
