#!/bin/sh
# The program of `onChange` in everything.nix.
exit 0
