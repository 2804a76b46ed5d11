# The subcommands that a flake offers as apps, such as `nix run .#plan`.
{
  plan = "Show what would change on the hosts";
  apply = "Change the hosts";
  rollback = "Return hosts to an earlier generation";
  os-update = "Install updates of the operating system";
  reboot = "Reboot hosts, in their windows and a few at a time";
  status = "Show what the hosts have, and what differs from it";
  check = "Try the health checks of the hosts";
  run = "Run a command on the hosts";
  history = "Show what was done from this machine";
  hosts = "List the hosts of the inventory";
  bootstrap = "Prepare hosts that have only an SSH server";
  doctor = "Find out what is missing on this machine and on hosts";
  host = "Record the keys of hosts";
  forget = "Take hosts out of the management of NixFleet";
  gc = "Drop generations that hosts no longer need";
  backups = "List, show or drop backups: what stood on hosts before NixFleet replaced or removed it";
}
