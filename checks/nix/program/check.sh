#!/bin/sh
# What check runs in everything.nix.
exit 0
