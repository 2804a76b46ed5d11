{ nixfleet.files."/etc/one".text = "x"; }
