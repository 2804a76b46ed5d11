# A file that the backend adds to the declared ones: `text`, readable by all.
text: {
  inherit text;
  source = null;
  mode = "0644";
  owner = "root";
  group = "root";
  restartUnits = [ ];
  reloadUnits = [ ];
  validate = null;
  onChange = null;
  onConflict = "fail";
}
