# A file with the content `text` that the backend adds to the declared files. All users can read it.
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
