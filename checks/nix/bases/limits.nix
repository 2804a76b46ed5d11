# Rows about the limits of a host.
{
  "the largest file" = {
    module.nixfleet.maxFileSize = 1048576;
    ubuntu = intent: intent.maxFileSize;
    onUbuntu = 1048576;
    nixos = { engine, ... }: engine.maxFileSize;
    onNixos = 1048576;
  };

  "the time of an activation" = {
    module.nixfleet.activationTimeout = 1800;
    ubuntu = _: null;
    onUbuntu = [
      "nixfleet.activationTimeout cannot be declared for a host of the base \"ubuntu\""
    ];
    nixos = { engine, ... }: engine.nixos.activationTimeout;
    onNixos = 1800;
  };
}
