# Runs the tests with a nixpkgs given as a flake reference.
{ nixpkgs }:
import ./. { nixpkgs = builtins.getFlake nixpkgs; }
