# The hosts of inventory.ini, as `nixfleet import ansible` has read them.
# A line that begins with `# ansible:` tells what was not imported, or was changed.
# All hosts are taken for Ubuntu or Debian. Add `base = "nixos";` to hosts with NixOS, and remove
# hosts with any other system.
{
  # ansible: all hosts: ansible_become_pass (secret, not copied: NixFleet needs a key, and sudo
  # without a password)
  # ansible: all hosts: ansible_python_interpreter (NixFleet does not need it)
  # ansible: all hosts: ntp_server = ntp.example.org (variable, not imported)
  # ansible: NixFleet connects with your own ssh. Add these lines to ~/.ssh/config:
  #   Host db-a db-b
  #     ProxyJump ada@gate.example.org

  defaults.ssh.user = "deploy";

  # ansible: group web: api_token (secret, its value is not copied)
  # ansible: group web: nginx_workers = 4 (variable, not imported)

  hosts.db-a = {
    addr = "db-a";
    tags = [
      "db"
      "prod"
    ];
  };

  hosts.db-b = {
    addr = "db-b";
    tags = [
      "db"
      "prod"
    ];
  };

  hosts.mail = {
    addr = "mail.example.org";
  };

  hosts.web01 = {
    # ansible: called web01.example.org there (names have letters, digits and hyphens here)
    # ansible: http_port = 80 (variable, not imported)
    addr = "10.0.1.11";
    tags = [
      "prod"
      "web"
    ];
  };

  hosts.web-4 = {
    addr = "10.0.1.14";
    ssh.user = "root";
    ssh.port = 2222;
    tags = [
      "prod"
      "web"
    ];
  };

  # ansible: the host web02.example.org was not imported: it has the same address as
  # web01.example.org: 10.0.1.11
  # ansible: the host web03.example.org was not imported: it has the same address as
  # web01.example.org: 10.0.1.11
  # ansible: the host win-1 was not imported: NixFleet connects with SSH only (ansible_connection =
  # winrm)
}
