#!/usr/bin/env bash
# Does what a newcomer does: a bare Debian with git alone, a clone, and the README's commands.
#
#   sudo tests/system/fresh_clone.sh ["COMMAND"...]
#
# Run by hand: it needs root, debootstrap, systemd-nspawn, a network and minutes. Commands run in
# the clone, by default the demo twice. SUITE=trixie tries another Debian; ARCH=arm64 a board's
# processor, emulated (it needs qemu-user-static); CACHE is where the trees are kept (/var/tmp);
# KEEP=1 leaves the machine for a look.
set -euo pipefail

# shellcheck source=tests/system/machine.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/machine.sh"

main() {
  local tree command
  local demo='./install.sh demo --say "turn on the kitchen light"'
  (($#)) || set -- "$demo" "$demo"
  tree=$(fresh_copy "$(base_tree git git,ca-certificates)" clone)
  # shellcheck disable=SC2064 # the path is wanted as it is now
  [[ ${KEEP-} ]] || trap "rm -rf -- '$tree'" EXIT
  set_container_options
  clone_into "$tree"
  for command; do
    verdict "$command" systemd-nspawn --directory="$tree" --pipe "${container_options[@]}" \
      --chdir=/root/edge-agent /bin/bash -c "$command" </dev/null
  done
  summary
}

main "$@"
