# Puts the packages of the profile into the PATH of login shells.
packages: {
  directories = { };
  files =
    if packages == [ ] then
      { }
    else
      {
        "/etc/profile.d/nixfleet.sh" = {
          text = builtins.readFile ./login-path.sh;
          source = null;
          mode = "0644";
          owner = "root";
          group = "root";
          restartUnits = [ ];
          reloadUnits = [ ];
          validate = null;
          onConflict = "fail";
        };
      };
}
