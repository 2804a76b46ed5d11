#!/usr/bin/env bash
# Installs what the lab and the checks need and this machine lacks, from the machine's own package sources.
set -euo pipefail

if [ "$(id -u)" != 0 ]; then
  echo "prepare: the lab boots containers and needs root; run this as root" >&2
  exit 1
fi

missing=()
need() { # need PROGRAM PACKAGE
  command -v "$1" >/dev/null || missing+=("$2")
}
need c++ g++ # libFuzzer
need cc gcc
need dpkg-scanpackages dpkg-dev
need git git
need gpg gnupg # signs the package repositories of the tests
need gpgv gpgv
need ip iproute2
need mmdebstrap mmdebstrap
need nsenter util-linux
need shellcheck shellcheck
need ssh-keygen openssh-client
need strip binutils
need systemd-nspawn systemd-container
need xz xz-utils
# The static C library, for programs that run on any host.
[ -e "$(cc -print-file-name=libc.a 2>/dev/null || echo libc.a)" ] || missing+=(libc6-dev)
# Windows of updates and reboots have time zones.
[ -e /usr/share/zoneinfo/Europe/Berlin ] || missing+=(tzdata)
# Older keyrings do not know the release the lab's hosts run.
keyring=$(dpkg-query --show --showformat '${Version}' debian-archive-keyring 2>/dev/null || true)
dpkg --compare-versions "$keyring" ge 2023.3+deb12u2 || missing+=(debian-archive-keyring)

# The lab reads from apt's lists where Debian's archive is.
if [ "${#missing[@]}" -gt 0 ] || [ -z "$(apt-get indextargets 'Origin: Debian')" ]; then
  apt-get update --quiet
fi
if [ "${#missing[@]}" -gt 0 ]; then
  echo "prepare: installing ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "${missing[@]}"
fi

for tool in rustfmt clippy; do
  cargo "${tool/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add "$tool"
done

# Once it is built, `cargo build --quiet` says nothing. The first time takes a while, and should not look like a hang.
if [ ! -e "${CARGO_TARGET_DIR:-target}/debug/nixfleet-lab" ]; then
  echo "prepare: compiling the lab (once, about a minute)"
  cargo build --locked --workspace --bin nixfleet-lab
fi
