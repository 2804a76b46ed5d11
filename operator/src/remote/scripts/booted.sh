# shellcheck shell=sh
# Prints the boot id, the state of the system, and each failed unit. What the login shell printed before is noise.
LC_ALL=C.UTF-8
export LC_ALL
printf '\n@booted\n'
cat /proc/sys/kernel/random/boot_id
systemctl is-system-running
systemctl list-units --failed --plain --no-legend | while read -r unit _; do printf '%s\n' "$unit"; done
