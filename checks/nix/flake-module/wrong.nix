{
  nixfleet = {
    module = [ ./fleet.nix ];
    hostConfigurations = [ ./fleet.nix ];
  };
}
