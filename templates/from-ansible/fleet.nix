# The content of a playbook: which hosts get which roles, their variables, and the order of changes.
{
  roles.base = ./roles/base.nix;
  roles.web = ./roles/web.nix;

  # hosts: web-1
  # roles: [base, web]
  hosts.web-1.roles = [
    "base"
    "web"
  ];
  # For `hosts: all`, set `defaults.roles = [ "base" ];` instead.
  hosts.db-1.roles = [ "base" ];

  # group_vars/all.yml and host_vars/web-1.yml. A role reads them as `host.facts.domain` and
  # `host.facts.httpPort`.
  defaults.facts.domain = "example.org";
  hosts.web-1.facts.httpPort = 8080;

  # serial: [1, "50%"]
  # max_fail_percentage: 0
  defaults.rollout = {
    canary = 1;
    waves = [ "50%" ];
    maxFailures = 0;
  };
}
