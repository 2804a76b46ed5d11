# Maps names that other tools use to NixFleet's names for the mode, the owner and the group.
{
  permissions = "mode";
  perms = "mode";
  user = "owner";
  uid = "owner";
  gid = "group";
}
