#!/bin/sh
# shellcheck disable=SC2034
# Prepares a host that has no activator yet. Runs as root.
#
#   facts USER                 print a fact on each line: its name, a space, and its value
#   simulate NAME...           print the packages that apt would upgrade to install these packages
#   change ID EARLIER OWNER USER KEYS LINE...
#                              run steps, and undo all of them if one fails
#   undo ID                    undo the steps of this change
#   end ID                     keep the record of this change, which cannot be undone as a whole any more
#   made                       print what earlier changes have made
#   forget EARLIER STEP...     undo these steps of all earlier changes
#
# A change is open until `undo` or `end`. ID names the change, and OWNER its operator. EARLIER is the id of the
# open change that the operator knows of, or `-`: that change is ended first. USER is the user that NixFleet will
# log in as. KEYS are the public keys to add, one a line. Each LINE is a step and its argument, `upgrade` and a
# package that apt may upgrade, or `argument` and an argument of the installer:
#
#   packages NAME...   install packages of the distribution, each with `=VERSION` if the version is planned
#   installer SHA256   run the installer, which is in the directory of this program
#   daemon             enable and start the Nix daemon
#   user               create the user
#   keys               add the keys to the user
#   sudo               let the user become root without a password
#   host-key           make an ed25519 host key
#
# The output of `change`, `undo` and `forget` is `busy OWNER` if another change is open or runs, and `gone` if the
# change that they are about has never begun, or is undone. Otherwise, it has a line for each step: `done STEP`,
# `failed STEP`, `undone STEP` or `left STEP`. After a failed step, or if no step could be started, lines that begin
# with `error` have the end of what programs printed. The last line of `change`, `undo`, `end` and `forget` is `end`.
#
# The output of `made` has a line `made STEP WHAT` for each step in the records, a line `used PATH` for each root
# for garbage collection that is not one of NixFleet, and a line `managed yes` if NixFleet has other records.
set -u
exec </dev/null
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C.UTF-8
DEBIAN_FRONTEND=noninteractive
APT_LISTCHANGES_FRONTEND=none
# needrestart would restart services of the host.
NEEDRESTART_SUSPEND=1
export PATH LC_ALL DEBIAN_FRONTEND APT_LISTCHANGES_FRONTEND NEEDRESTART_SUSPEND
umask 022

# The program and the input and output of its unit.
run=/run/nixfleet-bootstrap
# The records of the bootstraps of this host, 1, 2, …, for `forget`.
records=/var/lib/nixfleet/bootstrap
# The record of the open change. A reboot does not remove it.
open=$records/open
# The directory with what the undo of steps needs.
record=$open
# A package that the undo of the step `packages` does not remove. `forget` and `made` set it to sudo, because
# other users may need sudo by now.
spared=
unit=nixfleet-bootstrap.service
host_key=/etc/ssh/ssh_host_ed25519_key
packages='nix-bin nix-setup-systemd sudo'

newline='
'
