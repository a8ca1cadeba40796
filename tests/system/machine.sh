# shellcheck shell=bash
# Sourced by the trials beside it: Debian trees that are made once, and containers run from copies
# of them. Root, systemd-nspawn and debootstrap are needed on the host; its own apt and pip
# configuration is carried in, so that a mirror or a proxy of the host works inside as well.

readonly SUITE=${SUITE:-bookworm}
readonly CACHE=${CACHE:-/var/tmp}
readonly ARCH=${ARCH:-$(dpkg --print-architecture)}

# base_tree NAME PACKAGES: prints the path of a minimal Debian with these packages, made once.
base_tree() {
  local tree=$CACHE/$SUITE-$ARCH-$1.base
  [[ $ARCH == "$(dpkg --print-architecture)" ]] || emulate >&2
  if [[ ! -e $tree.done ]]; then
    rm -rf -- "$tree"
    debootstrap --arch="$ARCH" --foreign --variant=minbase --include="$2" "$SUITE" "$tree" >&2
    chroot "$tree" /debootstrap/debootstrap --second-stage >&2
    touch "$tree.done"
  fi
  printf '%s\n' "$tree"
}

# emulate: lets this machine run programs for arm64, as the package qemu-user-static does at boot.
emulate() {
  local registry=/proc/sys/fs/binfmt_misc rule=/usr/lib/binfmt.d/qemu-aarch64.conf
  [[ -e $registry/register ]] || mount -t binfmt_misc binfmt_misc "$registry"
  # F opens the emulator now, so that it need not lie in the tree.
  [[ -e $registry/qemu-aarch64 ]] \
    || sed 's|:[^:]*:[A-Z]*$|:/usr/bin/qemu-aarch64-static:OF|' "$rule" >"$registry/register"
}

# fresh_copy BASE NAME: prints the path of a new copy of a base tree that has the host's network.
fresh_copy() {
  local tree=$CACHE/$SUITE-$ARCH-$2.trial file
  rm -rf -- "$tree"
  cp -a -- "$1" "$tree"
  for file in /etc/resolv.conf /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    [[ ! -e $file ]] || install -D -m 644 -- "$file" "$tree$file"
  done
  # The host's sources name its own suite, so they fit only a machine of the same one.
  if grep -qsw "$SUITE" /etc/os-release; then
    rm -f -- "$tree/etc/apt/sources.list"
    cp -a -- /etc/apt/sources.list.d /etc/apt/apt.conf.d "$tree/etc/apt/"
  fi
  printf '%s\n' "$tree"
}

# Fills the array container_options: folders that the host's pip reads, and pip's environment.
set_container_options() {
  local word
  container_options=(--quiet --register=no --keep-unit --resolv-conf=off)
  for word in $(python3 -m pip config list 2>/dev/null | tr -d "'\"" | sed 's|file://||g'); do
    word=/${word#*/}
    word=${word%/simple}
    [[ ! -d $word || $word == / ]] || container_options+=("--bind-ro=$word")
  done
  while IFS= read -r word; do
    container_options+=("--setenv=$word")
  done < <(env | grep -E '^(PIP_[A-Z_]+|SSL_CERT_FILE|[a-z]+_proxy)=')
}

# clone_into TREE: a fresh clone of what is committed here, as /root/edge-agent of the tree.
clone_into() {
  git clone --quiet -- "$(git -C "$(dirname -- "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)" \
    "$1/root/edge-agent"
}

passed=0
failures=0

# verdict NAME COMMAND...: runs a check, prints one line about it.
verdict() {
  local name=$1 begin=$SECONDS
  shift
  if "$@"; then
    passed=$((passed + 1))
    printf 'ok    %s (%s s)\n' "$name" $((SECONDS - begin))
  else
    failures=$((failures + 1))
    printf 'FAIL  %s (%s s)\n' "$name" $((SECONDS - begin))
  fi
}

summary() {
  printf '%s passed, %s failed\n' "$passed" "$failures"
  ((failures == 0))
}
