# The names of mode, owner and group in other tools.
{
  permissions = "mode";
  perms = "mode";
  user = "owner";
  uid = "owner";
  gid = "group";
}
