#!/usr/bin/env bash
# Documents a crate where cargo would run the tests in its documentation. Cargo calls rustdoc for such tests
# with the libraries that the tests of the crate use. `cargo doc` would compile all libraries once more.
set -euo pipefail

arguments=()
for argument in "$@"; do
  if [ "$argument" != --test ]; then
    arguments+=("$argument")
  fi
done
exec rustdoc "${arguments[@]}"
