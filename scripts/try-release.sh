#!/usr/bin/env bash
# Tries what `npm run release` made as a user would: in a clean Debian 12 root
# without compiler, Node or network it is installed, watches, raises the alert of a
# program copied to /tmp, and goes again without leaving anything.
#
#   scripts/try-release.sh deb|systemd|tarball|npm|rpm|image|same [DIR]   DIR: default build/release
#   scripts/try-release.sh foreign [DIR]
#   scripts/try-release.sh upgrade [DIR] [NEWER]   NEWER: default build/release-next
#
# upgrade: from the .deb of one directory to that of the other and back, with
# configuration, rules and alerts that wait kept; the same of the .rpm's files.
# systemd: the .deb with systemd as process 1 (systemd-nspawn). same: a second build,
# of a clone in another place, has the same sums. foreign: the tarball of the other
# processor under QEMU's user emulation (qemu-user-static): it starts, loads its addon,
# reads rules and configuration; what its programs do is for `npm run test:kernels`.
#
# Needs root and debootstrap; the root is made once (.cache/root) and only ever seen
# through an overlay in a mount namespace of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf 'try: %s\n' "$*" >&2; }
fail() { say "FAILED: $*"; exit 1; }

what=${1:-}
directory=$(readlink -f "${2:-build/release}")
newer=$(readlink -f "${3:-build/release-next}")
case $(uname -m) in x86_64) arch=x64 debian=amd64 rpm=x86_64 ;; aarch64) arch=arm64 debian=arm64 rpm=aarch64 ;; esac
base=$PWD/.cache/root/bookworm
# Not `npm root -g`, which goes by the node that comes first in the PATH.
npm_home=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")

with=''
if [ "$what" = systemd ]; then base=$base-systemd with=systemd,systemd-sysv,dbus,procps; fi

if [ "$what" = same ]; then
	clone=$(mktemp -d /tmp/bpfwarden-same-XXXXXX)
	trap 'rm -rf "$clone"' EXIT
	git clone -q . "$clone/elsewhere"
	# No link to them: what is bundled has its path below the checkout as a name.
	cp -al node_modules "$clone/elsewhere/node_modules" 2>/dev/null || { rm -rf "$clone/elsewhere/node_modules" && cp -a node_modules "$clone/elsewhere/node_modules"; }
	mkdir -p "$clone/elsewhere/.cache"
	ln -s "$PWD/.cache/runtime" "$clone/elsewhere/.cache/runtime"
	(cd "$clone/elsewhere" && node --import tsx scripts/release.ts --arch="${ARCH:-$arch}" --only="${ONLY:-tarball,deb}" --output="$clone/out" >/dev/null) || fail "the second build"
	while read -r sum name; do
		[ ! -e "$clone/out/$name" ] || echo "$sum  $clone/out/$name"
	done <"$directory/SHA256SUMS" | sha256sum --check >&2 || fail "the two builds differ"
	say "same: fine"
	exit
fi

if [ "$what" = foreign ]; then
	case $arch in
	x64) arch=arm64 debian=arm64 emulator=qemu-aarch64-static ;;
	arm64) arch=x64 debian=amd64 emulator=qemu-x86_64-static ;;
	esac
	command -v $emulator >/dev/null || fail "$emulator was not found (apt-get install qemu-user-static)"
	tarball=$(ls "$directory"/bpfwarden-*-linux-$arch.tar.gz 2>/dev/null | sort -V | tail -n 1)
	[ -n "$tarball" ] || fail "no tarball for $arch in $directory: npm run release -- --arch=$arch --only=tarball"
	place=$(mktemp -d /tmp/bpfwarden-try-XXXXXX)
	trap 'rm -rf "$place"' EXIT
	mkdir -p "$place/root" "$place/opt" .cache/kernels
	# The C libraries that a host of that processor has, by the apt root of the kernels' tests.
	node --import tsx --input-type=module -e "
		const { download } = await import('./test/kernels/packages.ts');
		for (const file of download('$debian', ['libc6', 'libstdc++6', 'libgcc-s1'])) console.log(file);" >"$place/debs" || fail "the C libraries for $debian"
	while read -r deb; do dpkg-deb -x "$deb" "$place/root"; done <"$place/debs"
	[ -e "$place/root/lib" ] || ln -s usr/lib "$place/root/lib"
	tar xzf "$tarball" -C "$place/opt" --strip-components=1 --no-same-owner
	emulated() { QEMU_LD_PREFIX=$place/root $emulator "$place/opt/bin/node" --disable-sigusr1 "$place/opt/dist/main.js" "$@"; }
	say "$(emulated --version)"
	emulated --version | grep -q "linux $arch)" || fail "it does not say that it is for $arch"
	emulated check >"$place/check" 2>&1 || { cat "$place/check" >&2; fail "check"; }
	say "check: $(tail -n 1 "$place/check")"
	# The addon is only loaded by what speaks to the kernel.
	QEMU_LD_PREFIX=$place/root $emulator "$place/opt/bin/node" -e "console.log(Object.keys(require(process.argv[1])).length)" "$(find "$place/opt/build" -name '*.node')" >"$place/addon" || fail "the addon does not load"
	say "addon: $(cat "$place/addon") functions"
	say "foreign: fine"
	exit
fi

if [ "${TRY_INSIDE:-}" != 1 ]; then
	if [ ! -e "$base/.complete" ]; then
		say "making a Debian 12 root with debootstrap"
		command -v debootstrap >/dev/null || fail "debootstrap was not found (apt-get install debootstrap)"
		rm -rf "$base"
		mkdir -p "$base"
		debootstrap --variant=minbase ${with:+--include="$with"} bookworm "$base" >"$base.log" 2>&1 || { tail "$base.log" >&2; fail "debootstrap"; }
		# Only what the package itself asks for may be there.
		chroot "$base" dpkg -s libstdc++6 >/dev/null || fail "minbase has no libstdc++6"
		touch "$base/.complete"
	fi
	if [ "$what" = npm ]; then
		# What npm would fetch, fetched before the network is gone; by the same Node.js, because
		# npm prefers versions that fit the one it runs on.
		package=$(ls "$directory"/bpfwarden-[0-9]*.tgz | sort -V | tail -n 1)
		rm -rf .cache/npm-try
		"$(bash scripts/runtime.sh fetch "$arch")" "$npm_home/bin/npm-cli.js" install --prefix .cache/npm-try/warm --cache "$PWD/.cache/npm-try/cache" --ignore-scripts --no-audit --no-fund "$package" >&2 || fail "npm could not fetch the dependencies"
	fi
	TRY_INSIDE=1 exec unshare --mount --net --propagation private bash "scripts/$(basename "$0")" "$what" "$directory" "$newer"
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
# In a subshell of its own that becomes the program, so that $! is the program's.
inside() { (exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$root" "$@"); }
artefact() { # glob [directory]
	local found
	found=$(ls "${2:-$directory}"/$1 2>/dev/null | sort -V | tail -n 1)
	[ -n "$found" ] || fail "no $1 in ${2:-$directory}: npm run release"
	cp "$found" "$root/tmp/"
	basename "$found"
}
alerts=/var/log/bpfwarden/alerts.ndjson
address=127.0.0.1:9477

# Starts the given command in the root and waits until it watches.
start() {
	(exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 chroot "$root" "$@") >"$place/log" 2>&1 &
	daemon=$!
	for _ in $(seq 240); do
		curl -fs "http://$address/-/ready" >/dev/null 2>&1 && return
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
expect_alert() { # file [program]
	local program=${2:-/tmp/x}
	inside sh -c "cp /bin/true $program && $program"
	for _ in $(seq 40); do
		if grep -q "\"$program\"" "$root/$1" 2>/dev/null; then
			say "alert: $(grep -m 1 "\"$program\"" "$root/$1" | sed -E 's/.*"rule":\{"name":"([^"]*)".*/\1/')"
			return
		fi
		sleep 0.25
	done
	cat "$place/log" >&2
	fail "no alert of $program in $1"
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

# Up and down between two versions, as a person does it who has configured the older one.
try_upgrade() {
	local old new config=/etc/bpfwarden/bpfwarden.toml
	old=$(artefact "bpfwarden_*_$debian.deb")
	new=$(artefact "bpfwarden_*_$debian.deb" "$newer")
	[ "$old" != "$new" ] || fail "both are $old: npm run release -- --only=deb --version=V --output=build/release-next"
	inside apt-get install -y -qq --no-install-recommends "/tmp/$old" >"$place/apt" 2>&1 || { cat "$place/apt" >&2; fail "apt install"; }
	say "$(inside bpfwarden --version)"
	# A sink that nobody answers: what is accepted waits in the spool.
	cat >>"$root$config" <<-TOML
		[[sinks]]
		name = "away"
		type = "webhook"
		url = "http://127.0.0.1:1/"
	TOML
	echo 'rules: [{name: own_rule, condition: process.name == "own"}]' >"$root/etc/bpfwarden/rules/own.yaml"
	mkdir -p "$root/var/log/bpfwarden" "$root/var/lib/bpfwarden"
	start bpfwarden --config.file=$config
	expect_alert "$alerts"
	waiting() { curl -fs "http://$address/metrics" | sed -n 's/^bpfwarden_spool_alerts //p'; }
	local before
	for _ in $(seq 40); do
		before=$(waiting)
		[ "${before:-0}" -eq 0 ] || break
		sleep 0.25
	done
	[ "${before:-0}" -gt 0 ] || fail "nothing waits for a sink that is away"
	stop
	for file in "$new" "$old"; do
		inside apt-get install -y -qq --no-install-recommends --allow-downgrades -o Dpkg::Options::=--force-confold "/tmp/$file" >"$place/apt" 2>&1 || { cat "$place/apt" >&2; fail "apt install $file"; }
		say "$(inside bpfwarden --version)"
		grep -q 'name = "away"' "$root$config" || fail "$file overwrote the configuration"
		[ -e "$root/etc/bpfwarden/rules/own.yaml" ] || fail "$file removed a rule"
		inside bpfwarden check --config.file=$config >"$place/check" 2>&1 || { cat "$place/check" >&2; fail "check"; }
		rm -f "$root$alerts"
		start bpfwarden --config.file=$config
		[ "$(waiting)" -ge "$before" ] || fail "$file: of $before alerts that waited there are $(waiting)"
		say "waiting, as before: $before"
		# Another program: a repeat of the first one would be held back, as it should.
		expect_alert "$alerts" "/tmp/x-${file//[^0-9]/}"
		curl -fs "http://$address/metrics" | grep '^bpfwarden_rule_info{rule="own_rule"' >/dev/null || fail "$file: the rule is not in force"
		before=$(waiting)
		stop
	done
}

# Steps of a person at the machine, run by systemd itself after the boot.
try_systemd() {
	local file
	file=$(artefact "bpfwarden_*_$debian.deb")
	# systemd puts a file system of its own on /tmp.
	mv "$root/tmp/$file" "$root/root/"
	umount -l "$root/proc" "$root/sys/fs/cgroup" "$root/sys" "$root/dev"
	cat >"$root/root/steps" <<-STEPS
		set -e
		step() { echo "step: \$*"; "\$@"; }
		DEBIAN_FRONTEND=noninteractive step apt-get install -y -qq --no-install-recommends /root/$file
		step systemctl is-active bpfwarden
		systemctl show bpfwarden -p StatusText -p WatchdogUSec -p Type -p NotifyAccess
		cp /bin/true /tmp/x && /tmp/x
		sleep 3
		echo "alerts: \$(grep -c '"/tmp/x"' $alerts)"
		step systemctl reload bpfwarden
		sleep 2
		journalctl -u bpfwarden -o short -p info | tail -n 12
		echo "priorities: \$(journalctl -u bpfwarden -o json | grep -o '"PRIORITY":"[0-9]"' | sort | uniq -c | tr '\n' ' ')"
		main=\$(systemctl show bpfwarden -p MainPID --value)
		echo "memory: \$(systemctl show bpfwarden -p MemoryCurrent --value) bytes"
		# A daemon that hangs is restarted by the watchdog.
		kill -STOP \$main
		for _ in \$(seq 60); do sleep 1; [ "\$(systemctl show bpfwarden -p NRestarts --value)" = 0 ] || break; done
		echo "restarts by the watchdog: \$(systemctl show bpfwarden -p NRestarts --value) (\$(journalctl -u bpfwarden | grep -c 'Watchdog timeout') timeout)"
		for _ in \$(seq 90); do systemctl -q is-active bpfwarden && break; sleep 1; done
		step systemctl is-active bpfwarden
		# What the unit forbids the daemon must not look like a blinded sensor (first look after 5 s, verdict 15 s later).
		sleep 25
		echo "blind: \$(journalctl -u bpfwarden | grep -c 'does not see what it does')"
		DEBIAN_FRONTEND=noninteractive step apt-get purge -y -qq bpfwarden >/dev/null 2>&1
		echo "left: \$(ls -d /etc/bpfwarden /var/lib/bpfwarden /var/log/bpfwarden /var/cache/bpfwarden /usr/lib/bpfwarden /etc/systemd/system/*/bpfwarden.service 2>/dev/null | tr '\n' ' ')"
		echo done
	STEPS
	cat >"$root/etc/systemd/system/steps.service" <<-UNIT
		[Unit]
		After=multi-user.target
		[Service]
		Type=oneshot
		ExecStart=/bin/bash /root/steps
		StandardOutput=file:/root/steps.log
		StandardError=file:/root/steps.log
		ExecStopPost=/bin/systemctl --no-block poweroff
	UNIT
	mkdir -p "$root/etc/systemd/system/default.target.wants"
	ln -s ../steps.service "$root/etc/systemd/system/default.target.wants/steps.service"
	timeout 420 systemd-nspawn -q -D "$root" --register=no --keep-unit --capability=all --private-network \
		--system-call-filter='bpf perf_event_open' -b >"$place/log" 2>&1 || true
	cat "$root/root/steps.log" >&2
	grep -q '^done$' "$root/root/steps.log" || { tail -n 20 "$place/log" >&2; fail "the steps did not come to their end"; }
	grep -q '^alerts: [1-9]' "$root/root/steps.log" || fail "no alert"
	grep -q '^StatusText=.* BPF programs, ' "$root/root/steps.log" || fail "no status"
	grep -q '^restarts by the watchdog: 1 (1 timeout)' "$root/root/steps.log" || fail "the watchdog did not restart it"
	grep -q '^blind: 0$' "$root/root/steps.log" || fail "the self-check fails under the unit"
	grep -q '^left: $' "$root/root/steps.log" || fail "purge left something"
}

try_tarball() {
	local file
	file=$(artefact "bpfwarden-*-linux-$arch.tar.gz")
	mkdir -p "$root/opt/bpfwarden"
	tar xzf "$directory/$file" -C "$root/opt/bpfwarden" --strip-components=1 --no-same-owner
	ln -s /opt/bpfwarden/bin/bpfwarden "$root/usr/bin/bpfwarden"
	say "$(inside bpfwarden --version)"
	inside bpfwarden check >"$place/check" 2>&1 || { cat "$place/check" >&2; fail "check"; }
	inside bpfwarden test /opt/bpfwarden/rules >"$place/check" 2>&1 || { tail "$place/check" >&2; fail "the rules' examples"; }
	start bpfwarden --output.alerts=/tmp/alerts.ndjson
	expect_alert /tmp/alerts.ndjson
	stop
}

# There is no rpm-based root here: what the package says and brings, unpacked by rpm
# itself, run in the Debian one.
try_rpm() {
	local file
	file=$(artefact "bpfwarden-*.$rpm.rpm")
	command -v rpm >/dev/null || fail "rpm was not found (apt-get install rpm)"
	rpm --root "$root" --dbpath /var/lib/rpm --install --nodeps --noscripts --ignorearch "$directory/$file" || fail "rpm --install"
	rpm --root "$root" --dbpath /var/lib/rpm --verify --nodeps --noscripts bpfwarden >&2 || fail "rpm --verify"
	rpm -qp --scripts "$directory/$file" | grep -v scriptlet | sh -n || fail "the scripts"
	say "$(inside bpfwarden --version)"
	mkdir -p "$root/var/log/bpfwarden"
	start bpfwarden --config.file=/etc/bpfwarden/bpfwarden.toml
	expect_alert "$alerts"
	stop
	rpm --root "$root" --dbpath /var/lib/rpm --erase --nodeps --noscripts bpfwarden
	rm -rf "$root/var/log/bpfwarden" "$root/var/lib/bpfwarden" "$root/var/lib/rpm"
	[ -z "$(contents)" ] || { contents >&2; fail "erasing left files"; }
}

# A root with Node.js and npm's packages at hand but no compiler: nothing is compiled.
try_npm() {
	local file
	file=$(artefact "bpfwarden-[0-9]*.tgz")
	mkdir -p "$root/opt/node/bin" "$root/opt/npm" "$root/opt/cache"
	cp .cache/runtime/$arch/node_modules/node-linux-$arch/bin/node "$root/opt/node/bin/"
	mount --bind "$npm_home" "$root/opt/npm"
	mount --bind "$PWD/.cache/npm-try/cache" "$root/opt/cache"
	mount -o remount,bind,ro "$root/opt/npm"
	inside env PATH=/opt/node/bin:/usr/bin:/bin node /opt/npm/bin/npm-cli.js install --global --prefix=/opt/app --offline --cache=/opt/cache --registry="$(npm config get registry)" --no-audit --no-fund \
		--foreground-scripts "/tmp/$file" >"$place/npm" 2>&1 || { cat "$place/npm" >&2; fail "npm install"; }
	grep -h 'bpfwarden: ' "$place/npm" | head -n 1 >&2
	grep -q 'nothing is compiled' "$place/npm" || { cat "$place/npm" >&2; fail "it did not say that the prebuilt addon fits"; }
	say "$(inside env PATH=/opt/node/bin:/usr/bin:/bin /opt/app/bin/bpfwarden --version)"
	start env PATH=/opt/node/bin:/usr/bin:/bin /opt/app/bin/bpfwarden --output.alerts=/tmp/alerts.ndjson
	expect_alert /tmp/alerts.ndjson
	stop
}

# The image's own file system, read-only, with the image's own command and nothing of the host's.
try_image() {
	local file entry layers
	file=$(artefact "bpfwarden-*-image-$debian.tar.gz")
	mkdir "$place/image" "$place/unpacked"
	tar xzf "$directory/$file" -C "$place/image"
	layers=$(python3 -c 'import json,sys; print("\n".join(json.load(open(sys.argv[1]+"/manifest.json"))[0]["Layers"]))' "$place/image")
	for layer in $layers; do tar xf "$place/image/$layer" -C "$place/unpacked"; done
	entry=$(python3 - "$place/image" <<-'PY'
		import json, sys
		image = json.load(open(sys.argv[1] + "/manifest.json"))[0]
		config = json.load(open(sys.argv[1] + "/" + image["Config"]))["config"]
		assert config["Healthcheck"]["Test"], "no health check"
		print(" ".join(config["Entrypoint"] + config["Cmd"]))
	PY
	)
	[ -z "$(find "$place/unpacked" -name sh -o -name bash -o -name apt-get)" ] || fail "there is a shell in the image"
	umount -l "$root/proc" "$root/sys/fs/cgroup" "$root/sys" "$root/dev"
	umount -l "$root"
	root=$place/unpacked
	mkdir -p "$root/proc" "$root/sys" "$root/dev"
	mount --bind "$root" "$root"
	mount --rbind /sys "$root/sys"
	mount -t proc none "$root/proc"
	mount --bind /dev "$root/dev"
	mount -t tmpfs none "$root/tmp"
	mount -t tmpfs none "$root/var/lib/bpfwarden"
	mount -o remount,bind,ro "$root"
	# shellcheck disable=SC2086
	start $entry
	cp /bin/true /tmp/x && /tmp/x
	rm -f /tmp/x
	for _ in $(seq 40); do
		! grep -q '"/tmp/x"' "$place/log" || break
		sleep 0.25
	done
	grep -q '"/tmp/x"' "$place/log" || { tail "$place/log" >&2; fail "no alert"; }
	say "alert: $(grep -m 1 '"/tmp/x"' "$place/log" | sed -E 's/.*"rule":\{"name":"([^"]*)".*/\1/')"
	inside "${entry%% *}" /usr/lib/bpfwarden/health.mjs || fail "the health check"
	stop
}

case $what in
deb) try_deb ;;
systemd) try_systemd ;;
tarball) try_tarball ;;
rpm) try_rpm ;;
npm) try_npm ;;
image) try_image ;;
upgrade) try_upgrade ;;
*) fail "usage: scripts/try-release.sh deb|systemd|tarball|rpm|npm|image|same|foreign|upgrade [DIR]" ;;
esac
say "$what: fine"
