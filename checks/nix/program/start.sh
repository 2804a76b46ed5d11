#!/bin/sh
# The program of `ExecStart` in everything.nix.
exit 0
