# A Debian machine with a systemd of its own, in a container: made, booted, entered, switched off.
#
# The caller is root in a mount namespace of its own. Nothing is left of the machine when the caller
# ends; only the installed system under it is kept, in $cache, as that takes a minute to make.

cache=${DDPM_SYSTEMD_CACHE:-/var/cache/ddpmd-systemd}

# What the machine has beside its minimum: a systemd, and what the package in $1 depends on.
wanted_packages() {
  printf 'systemd-sysv dbus acl '
  dpkg-deb -f "$1" Depends | tr ',' '\n' | sed 's/^ *//; s/[ |(].*//' | paste -sd' '
}

# Installs the system that a package is tested on, unless it is there; sets $system.
make_system() {
  local release packages
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  packages=$(wanted_packages "$1")
  system=$cache/$release-$(echo "$packages" | sha256sum | cut -c1-12)
  [ -d "$system" ] && return
  echo "installing a system with $packages"
  mkdir -p "$cache"
  rm -rf "$system.new"
  debootstrap --variant=minbase --include="${packages// /,}" "$release" "$system.new" \
    >"$cache/debootstrap.log" 2>&1 || {
    tail "$cache/debootstrap.log"
    return 1
  }
  rm -f "$system.new"/var/cache/apt/archives/*.deb
  mv "$system.new" "$system"
}

# Makes the machine: $root, the system with whatever is written to it kept in memory.
make_machine() {
  local memory=/mnt
  mount -t tmpfs tmpfs /run # where nspawn keeps its state
  mount -t tmpfs tmpfs $memory
  root=$memory/root
  console=$memory/console
  mkdir $memory/upper $memory/work $root
  mount -t overlay overlay -o "lowerdir=$system,upperdir=$memory/upper,workdir=$memory/work" $root
}

# Whether containers can be made here at all.
can_boot() {
  systemd-nspawn --quiet --directory="$root" --private-network --register=no --keep-unit \
    --console=pipe true </dev/null >>"$console" 2>&1
}

boot() {
  systemd-nspawn --quiet --directory="$root" --boot --private-network --register=no --keep-unit \
    --console=pipe </dev/null >>"$console" 2>&1 &
  nspawn=$!
  await "the machine is up" is_up
}

# Looks for the machine's process 1, as the host sees it: there is another one before it.
is_up() {
  init=$(awk '{ print $1 }' /proc/$nspawn/task/$nspawn/children)
  [ -n "$init" ] && inside systemctl --quiet is-active multi-user.target
}

inside() {
  nsenter --target "$init" --mount --pid --net --ipc --uts \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
}

as() {
  local user=$1
  shift
  inside runuser -u "$user" -- "$@"
}

shut_down() {
  # Its answer is lost where the machine is faster.
  inside systemctl poweroff 2>/dev/null || true
  await "the machine is off" gone "$nspawn"
}

cut_power() {
  kill -KILL "$init"
  await "the machine is off" gone "$nspawn"
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# await WHAT COMMAND...: waits until the command succeeds, or fails after a quarter of an hour, which is
# far longer than anything takes, also on a slow machine that is busy. It is tried once more behind the
# end, or a caller that was itself stopped for a while would give up without a look.
await() {
  local end=$((SECONDS + 900)) what=$1 now
  shift
  while now=$SECONDS && ! "$@" 2>/dev/null; do
    [ $now -lt $end ] || fail "waited in vain until $what"
    sleep 0.1
  done
}
