#!/bin/sh
# Builds the first system of a stand-in for a NixOS host, in namespaces of its own for mounts and processes.
#
#   build-factory.sh ROOT UPPER WORK MERGED NIXPKGS FOLDER
#
# mounts an overlay of ROOT and UPPER at MERGED, builds FOLDER/factory.nix there with the stand-in at NIXPKGS,
# makes the system generation 1 of the system profile, and installs its boot entries. Everything else that the
# build has brought to the Nix store is removed.
set -eu
merged=$4
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$merged"
mount -t proc proc "$merged/proc"
mount --rbind /dev "$merged/dev"
mount -t tmpfs tmpfs "$merged/mnt"
mkdir "$merged/mnt/nixpkgs" "$merged/mnt/lab"
mount --bind "$5" "$merged/mnt/nixpkgs"
mount --bind "$6" "$merged/mnt/lab"
# shellcheck disable=SC2016
exec chroot "$merged" sh -euc '
  system=$(nix-build --quiet --no-out-link /mnt/lab/factory.nix)
  nix-env --quiet --profile /nix/var/nix/profiles/system --set "$system"
  "$system/stand-in/install-boot-loader" "$system"
  nix-store --gc --quiet >/dev/null
  rm -rf /root/.cache /root/.nix-defexpr /nix/var/log
'
