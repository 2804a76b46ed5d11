# A file that the backend adds to the declared files. It contains `text`, and all users can read it.
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
