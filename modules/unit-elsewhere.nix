# Maps names to correct option paths. The names are sections that users may write one level too high, and
# names that NixOS uses.
let
  section = name: [
    "sections"
    name
  ];
  setting = name: setting: section name ++ [ setting ];
in
{
  Unit = section "Unit";
  Install = section "Install";
  Service = section "Service";
  Socket = section "Socket";
  Timer = section "Timer";
  Path = section "Path";
  Mount = section "Mount";
  Automount = section "Automount";
  Swap = section "Swap";
  Slice = section "Slice";

  unitConfig = section "Unit";
  serviceConfig = section "Service";
  socketConfig = section "Socket";
  timerConfig = section "Timer";
  pathConfig = section "Path";
  mountConfig = section "Mount";
  automountConfig = section "Automount";
  sliceConfig = section "Slice";

  description = setting "Unit" "Description";
  after = setting "Unit" "After";
  before = setting "Unit" "Before";
  requires = setting "Unit" "Requires";
  wants = setting "Unit" "Wants";
  bindsTo = setting "Unit" "BindsTo";
  partOf = setting "Unit" "PartOf";
  conflicts = setting "Unit" "Conflicts";
  onFailure = setting "Unit" "OnFailure";

  ExecStart = setting "Service" "ExecStart";
  script = setting "Service" "ExecStart";
  preStart = setting "Service" "ExecStartPre";
  postStart = setting "Service" "ExecStartPost";
  environment = setting "Service" "Environment";
  environmentFile = setting "Service" "EnvironmentFile";

  wantedBy = setting "Install" "WantedBy";
  requiredBy = setting "Install" "RequiredBy";
  upheldBy = setting "Install" "UpheldBy";
  aliases = setting "Install" "Alias";

  content = "text";
  contents = "text";
  enable = "enabled";
  mask = "masked";
  started = "running";
  timeout = "startTimeout";
}
