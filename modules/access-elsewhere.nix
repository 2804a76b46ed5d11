# What other tools call mode, owner and group.
{
  permissions = "mode";
  perms = "mode";
  user = "owner";
  uid = "owner";
  gid = "group";
}
