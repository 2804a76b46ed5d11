{
  hostKeys = ../inventories/wrong-host-keys.json;

  hosts.web-1 = {
    addr = "10.0.1.11";
    ssh.hostKey = "ssh-ed25519 AAAA";
  };
  hosts.web-2.addr = "10.0.1.12";
  hosts.web-3.addr = "10.0.1.13";
  hosts.web-4.addr = "10.0.1.14";
}
