{
  hosts.db-1 = {
    addr = "db-1";
    base = "nixos";
    deployment.keys = {
      text.text = "the secret itself";
      file.keyFile = ./token;
      stored.keyFile = "${builtins.storeDir}/3j5kz1w0-source/token";
      none.user = "app";
      both = {
        keyFile = "/home/ada/secrets/both";
        keyCommand = [ "pass" ];
      };
      options = {
        keyCommand = "pass";
        permissions = 600;
        uploadAt = "activation";
        path = "/run/keys/options";
      };
      "a key".keyCommand = [ "pass" ];
    };
  };
  hosts.web-1 = {
    addr = "web-1";
    deployment.keys.token.keyCommand = [ "pass" ];
  };
  hosts.web-2 = {
    addr = "web-2";
    deployment.key = { };
  };
}
