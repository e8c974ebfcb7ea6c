#!/usr/bin/env bash
# Tries what `npm run release` made as a user would: in a clean Debian 12 root
# without compiler, Node or network it is installed, watches, raises the alert of a
# program copied to /tmp, and goes again without leaving anything.
#
#   scripts/try-release.sh deb|tarball|npm|rpm|image [DIR]   DIR: default build/release
#
# Needs root and debootstrap; the root is made once (.cache/root) and only ever seen
# through an overlay in a mount namespace of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf 'try: %s\n' "$*" >&2; }
fail() { say "FAILED: $*"; exit 1; }

what=${1:-}
directory=$(readlink -f "${2:-build/release}")
case $(uname -m) in x86_64) arch=x64 debian=amd64 rpm=x86_64 ;; aarch64) arch=arm64 debian=arm64 rpm=aarch64 ;; esac
base=$PWD/.cache/root/bookworm

if [ "${TRY_INSIDE:-}" != 1 ]; then
	if [ ! -e "$base/.complete" ]; then
		say "making a Debian 12 root with debootstrap"
		command -v debootstrap >/dev/null || fail "debootstrap was not found (apt-get install debootstrap)"
		rm -rf "$base"
		mkdir -p "$base"
		debootstrap --variant=minbase bookworm "$base" >"$base.log" 2>&1 || { tail "$base.log" >&2; fail "debootstrap"; }
		# Only what the package itself asks for may be there.
		chroot "$base" dpkg -s libstdc++6 >/dev/null || fail "minbase has no libstdc++6"
		touch "$base/.complete"
	fi
	TRY_INSIDE=1 exec unshare --mount --net --propagation private bash "scripts/$(basename "$0")" "$what" "$directory"
fi

# From here in namespaces of our own: whatever is mounted goes with them.
ip link set lo up
place=$(mktemp -d /tmp/bpfwarden-try-XXXXXX)
mount -t tmpfs -o size=2G none "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay -o "lowerdir=$base,upperdir=$place/upper,workdir=$place/work" none "$place/root"
root=$place/root
mount -t proc none "$root/proc"
mount -t sysfs none "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --bind /dev "$root/dev"
daemon=
finish() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
	wait 2>/dev/null || true
	umount -l "$place" && rmdir "$place"
}
trap finish EXIT
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
artefact() { # glob
	local found
	found=$(ls "$directory"/$1 2>/dev/null | sort -V | tail -n 1)
	[ -n "$found" ] || fail "no $1 in $directory: npm run release"
	cp "$found" "$root/tmp/"
	basename "$found"
}
alerts=/var/log/bpfwarden/alerts.ndjson
address=127.0.0.1:9477

# Starts the given command in the root and waits until it watches.
start() {
	inside "$@" >"$place/log" 2>&1 &
	daemon=$!
	for _ in $(seq 240); do
		if inside sh -c "exec 3<>/dev/tcp/127.0.0.1/9477" 2>/dev/null || curl -fs "http://$address/-/ready" >/dev/null 2>&1; then
			curl -fs "http://$address/-/ready" >/dev/null 2>&1 && return
		fi
		kill -0 "$daemon" 2>/dev/null || { cat "$place/log" >&2; fail "the daemon ended"; }
		sleep 0.25
	done
	cat "$place/log" >&2
	fail "not ready after a minute"
}
stop() {
	kill "$daemon"
	wait "$daemon" || fail "the daemon ended with $?"
	daemon=
}
# A program copied to /tmp and run must be in the alerts.
expect_alert() { # file
	inside sh -c 'cp /bin/true /tmp/x && /tmp/x'
	for _ in $(seq 40); do
		if grep -q '"/tmp/x"' "$root/$1" 2>/dev/null; then
			say "alert: $(grep -m 1 '"/tmp/x"' "$root/$1" | sed -E 's/.*"rule":\{"name":"([^"]*)".*/\1/')"
			return
		fi
		sleep 0.25
	done
	cat "$place/log" >&2
	fail "no alert of /tmp/x in $1"
}
# What lies in the root now, without what no package owns and every system changes.
contents() {
	(cd "$place/upper" && find . ! -type d ! -path './tmp/*' ! -path './var/log/dpkg.log' ! -path './var/log/alternatives.log' \
		! -path './var/log/apt/*' ! -path './var/lib/dpkg/*' ! -path './var/cache/apt/*' ! -path './var/cache/debconf/*' ! -path './var/lib/apt/*' \
		! -path './etc/ld.so.cache' ! -path './var/cache/ldconfig/*' ! -path './root/*' | sort)
}

try_deb() {
	local file
	file=$(artefact "bpfwarden_*_$debian.deb")
	inside apt-get install -y -qq --no-install-recommends "/tmp/$file" >"$place/apt" 2>&1 || { cat "$place/apt" >&2; fail "apt install"; }
	say "$(inside bpfwarden --version)"
	inside bpfwarden check --config.file=/etc/bpfwarden/bpfwarden.toml >"$place/check" 2>&1 || { cat "$place/check" >&2; fail "check"; }
	mkdir -p "$root/var/log/bpfwarden" "$root/var/lib/bpfwarden"
	start bpfwarden --config.file=/etc/bpfwarden/bpfwarden.toml
	expect_alert "$alerts"
	stop
	# Configuration that a person changed stays over an upgrade.
	echo '# changed by hand' >>"$root/etc/bpfwarden/bpfwarden.toml"
	inside dpkg --force-confold -i "/tmp/$file" >/dev/null 2>&1 || fail "dpkg -i over itself"
	grep -q 'changed by hand' "$root/etc/bpfwarden/bpfwarden.toml" || fail "the upgrade overwrote the configuration"
	inside apt-get purge -y -qq bpfwarden >/dev/null 2>&1 || fail "purge"
	[ -z "$(contents)" ] || { contents >&2; fail "purge left files"; }
	say "purge left nothing"
}

case $what in
deb) try_deb ;;
*) fail "usage: scripts/try-release.sh deb|tarball|npm|rpm|image [DIR]" ;;
esac
say "$what: fine"
