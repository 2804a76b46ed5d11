# The templates: the flake output `templates`.
let
  template = path: description: welcomeText: {
    inherit path description;
    welcomeText = "${description}.\n\n${welcomeText}";
  };
in
{
  minimal = template ./minimal "A fleet of one web server on Ubuntu or Debian" ''
    1. Set the address of your host in `fleet.nix`.
    2. `nix run .#plan` shows what would change. `nix run .#apply` changes it.
  '';

  mixed = template ./mixed "A fleet of an Ubuntu host and a NixOS host with the same role" ''
    1. Set the addresses of your hosts in `fleet.nix`.
    2. Replace the files in `hosts/web-2` with the configuration of your NixOS host.
    3. `nix run .#plan` shows what would change. `nix run .#apply` changes it.
  '';

  flake-parts = template ./flake-parts "A fleet in a flake that is made with flake-parts" ''
    1. Set the address of your host in `fleet.nix`.
    2. `nix run .#plan` shows what would change. `nix run .#apply` changes it.
  '';

  from-ansible = template ./from-ansible "A fleet for somebody who comes from Ansible" ''
    1. `nix shell github:nixfleet/nixfleet` opens a shell with the command `nixfleet`.
    2. `nixfleet import ansible PATH/TO/INVENTORY --out hosts.nix --force` imports your hosts.
    3. `fleet.nix` replaces the playbook, and `roles/` the roles. The comments name the modules of Ansible.
    4. `nixfleet plan` shows what would change. `nixfleet apply` changes it.
  '';

  from-colmena = template ./from-colmena "A hive of colmena as a fleet of NixFleet" ''
    1. `nix shell github:nixfleet/nixfleet` opens a shell with the command `nixfleet`.
    2. `nixfleet import colmena PATH/TO/FLAKE --out fleet.nix --force` imports your hosts.
    3. Copy the modules of your hosts, and list them in `hosts.NAME.modules`.
    4. `nixfleet plan` shows what would change. `nixfleet apply` changes it. `colmena apply` still works.
  '';

  from-deploy-rs = template ./from-deploy-rs "The nodes of deploy-rs as a fleet of NixFleet" ''
    1. `nix shell github:nixfleet/nixfleet` opens a shell with the command `nixfleet`.
    2. `nixfleet import deploy-rs PATH/TO/FLAKE --out fleet.nix --force` imports your hosts.
    3. Copy the modules of your hosts, and list them in `hosts.NAME.modules`.
    4. `nixfleet plan` shows what would change. `nixfleet apply` changes it.
  '';
}
