#!/usr/bin/env bash
# Boots a bare Debian with systemd in a container, installs the service there as the README says,
# and hurts it: kill -9, SIGSTOP, stop, a second installation, an upgrade that does not start.
#
#   sudo tests/system/booted_service.sh
#
# Run by hand: it needs root, debootstrap, systemd-nspawn, a network and minutes; the host itself
# need not run systemd. SUITE=trixie tries another Debian; CACHE is where the trees are kept
# (/var/tmp); KEEP=1 leaves the machine running for a look.
set -euo pipefail

# shellcheck source=tests/system/machine.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/machine.sh"

readonly WATCHDOG=30 # WatchdogSec of the unit
tree=''
container='' # process id of systemd-nspawn
init=''      # process id of the container's systemd

# inside COMMAND...: runs in the booted machine, in the clone.
inside() { nsenter --all --target "$init" -- env --chdir=/root/edge-agent "$@"; }

property() { inside systemctl show --property "$1" --value edge-agent; }

boot() {
  tree=$(fresh_copy "$(base_tree systemd systemd,systemd-sysv,dbus,python3,python3-venv)" booted)
  set_container_options
  clone_into "$tree"
  setsid systemd-nspawn --directory="$tree" --boot --console=pipe "${container_options[@]}" \
    </dev/null >"$tree.log" 2>&1 &
  container=$!
  within 60 is_booted
}

is_booted() {
  init=$(pgrep --parent "$container" --newest) || return
  [[ $(inside systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]
}

shut_down() {
  if [[ ${KEEP-} ]]; then
    printf 'it runs on: nsenter --all --target %s; its files are in %s\n' "$init" "$tree"
    return
  fi
  kill -KILL -- "$init" "$container" 2>/dev/null || true
  wait "$container" 2>/dev/null || true
  rm -rf -- "$tree" "$tree.log"
}

# within SECONDS COMMAND...: tries until the command succeeds.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.2
  done
}

is_active() { [[ $(property ActiveState) == active ]]; }

# is_replaced PID [STATE]: another process serves, in that state or any. One answer tells both
# facts, lest they differ.
is_replaced() {
  local state
  state=$(inside systemctl show --property ActiveState,MainPID edge-agent)
  [[ $state =~ MainPID=([1-9][0-9]*) && ${BASH_REMATCH[1]} != "$1" && $state == *"=${2-}"* ]]
}

# comes_back_after SIGNAL SECONDS: it starts again within that time, and then becomes ready.
comes_back_after() {
  local signal=$1 seconds=$2 pid begin=$SECONDS
  pid=$(property MainPID)
  ((pid > 1)) || return
  inside /bin/bash -c "kill -$signal $pid"
  within "$seconds" is_replaced "$pid" || return
  printf '      started again after %s s\n' $((SECONDS - begin))
  within 120 is_replaced "$pid" active
}

reloads_in_place() {
  local pid
  pid=$(property MainPID)
  inside systemctl reload edge-agent && is_active && [[ $(property MainPID) == "$pid" ]]
}

stops_within() {
  local begin=${EPOCHREALTIME/./}
  inside systemctl stop edge-agent
  local took=$((${EPOCHREALTIME/./} - begin))
  printf '      stopped in %s ms\n' $((took / 1000))
  ((took < $1 * 1000000)) && [[ $(property Result) == success ]]
}

upgrade_keeps_the_config() {
  local pid
  pid=$(property MainPID)
  inside /bin/bash -c 'echo "# mine" >>/etc/edge-agent/config.yaml'
  inside ./install.sh service && is_replaced "$pid" active &&
    [[ $(tail -n 1 "$tree/etc/edge-agent/config.yaml") == "# mine" ]]
}

# Nothing has changed, so nothing is built; what was damaged is.
repeats_quickly_and_mends() {
  local before seconds=$SECONDS
  before=$(readlink "$tree/opt/edge-agent/current")
  inside unshare --net ./install.sh service && is_active || return
  printf '      again after %s s\n' $((SECONDS - seconds))
  [[ $(readlink "$tree/opt/edge-agent/current") == "$before" ]] || return
  rm -rf -- "$tree$before"/lib/python3*/site-packages/paho
  inside ./install.sh service && is_active &&
    [[ $(readlink "$tree/opt/edge-agent/current") != "$before" ]]
}

# Who asks for a voice has it switched on; where there is no microphone, the daemon says so.
brings_the_voice() {
  local heard
  inside ./install.sh service --voice && is_active || return
  grep -qx 'voice: {enabled: true}' "$tree/etc/edge-agent/config.yaml" || return
  printf '      %s\n' "$(property StatusText)"
  [[ $(property StatusText) == *"no microphone is connected"* ]] || return
  inside edge-agent say "What time is it?" --wav /root/said.wav || return
  # It ends with 1, since no clock is known here; what counts is that it was heard.
  heard=$(inside edge-agent listen --wav /root/said.wav || true)
  printf '      %s\n' "${heard%%$'\n'*}"
  [[ $heard == *"what time is it"* ]]
}

# Wheels are fetched first; then there is no network at all, and a source that is not yet built.
installs_offline() {
  inside ./install.sh wheels /root/wheels || return
  printf '# another version\n' >>"$tree/root/edge-agent/pyproject.toml"
  printf '      %s\n' "$(du -sh "$tree/root/wheels" | cut -f 1) of wheels"
  inside unshare --net ./install.sh service --offline /root/wheels && is_active
}

# An upgrade whose daemon exits at once: the script fails, and the old one serves on.
broken_upgrade_is_undone() {
  local before
  before=$(readlink "$tree/opt/edge-agent/current")
  printf 'raise SystemExit(1)\n' >"$tree/root/edge-agent/edge_agent/cli.py"
  ! inside ./install.sh service && [[ $(readlink "$tree/opt/edge-agent/current") == "$before" ]] &&
    is_active
}

removes_all_but_the_config() {
  inside ./install.sh uninstall || return
  local left
  left=$(find "$tree/opt" "$tree/etc/systemd/system" "$tree/usr/local/bin" "$tree/var/lib" \
    "$tree/var/cache" -name 'edge-agent*')
  [[ -z $left && -e $tree/etc/edge-agent/config.yaml ]]
}

main() {
  trap shut_down EXIT
  boot
  verdict "install.sh service installs and starts it" inside ./install.sh service
  verdict "it is ready" is_active
  printf '      %s, %s\n' "$(property StatusText)" \
    "$(inside grep VmRSS "/proc/$(property MainPID)/status" | tr -s '\t ' ' ')"
  inside systemctl status --no-pager --lines 0 edge-agent | sed -n '/CGroup/,$s/^/     /p'
  verdict "it restarts when killed" comes_back_after KILL 5
  verdict "it reloads without a restart" reloads_in_place
  verdict "the watchdog restarts it when stopped" comes_back_after STOP $((WATCHDOG + 5))
  verdict "it stops within 2 s" stops_within 2
  inside systemctl start --no-block edge-agent
  sleep 2
  verdict "it stops within 2 s while it loads the model" stops_within 2
  inside systemctl start edge-agent
  verdict "an upgrade restarts it and keeps the config" upgrade_keeps_the_config
  verdict "a second run builds nothing, and what was damaged anew" repeats_quickly_and_mends
  verdict "an upgrade needs no network" installs_offline
  verdict "it listens and speaks when asked for" brings_the_voice
  verdict "a broken upgrade is undone" broken_upgrade_is_undone
  verdict "uninstall removes all but the config" removes_all_but_the_config
  summary
}

main "$@"
