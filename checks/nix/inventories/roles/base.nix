{ nixfleet.files."/etc/base".text = "x"; }
