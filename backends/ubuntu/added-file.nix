# A file that the backend adds to those that modules declare: `text` readable by all.
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
