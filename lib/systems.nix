# The Nix systems of hosts, and those of operators' machines. The activator runs on hosts only.
rec {
  hosts = [
    "x86_64-linux"
    "aarch64-linux"
  ];
  operators = hosts ++ [
    "x86_64-darwin"
    "aarch64-darwin"
  ];
}
