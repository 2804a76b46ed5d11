{ nixfleet.files."/etc/web".text = "x"; }
