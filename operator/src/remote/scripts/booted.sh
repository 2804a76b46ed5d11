# shellcheck shell=sh
# Prints the line `@booted`, the boot id, the state of the system, and each failed unit. The reader ignores all lines
# before `@booted`, which a login shell may have printed.
LC_ALL=C.UTF-8
export LC_ALL
printf '\n@booted\n'
cat /proc/sys/kernel/random/boot_id
systemctl is-system-running
systemctl list-units --failed --plain --no-legend | while read -r unit _; do printf '%s\n' "$unit"; done
