#!/usr/bin/env bash
# Makes a fresh machine ready: system packages, npm packages, then the build.
# Called by `npm start` and `npm test` before they do anything else. It says
# what it installs, and does nothing when all is there.
#
#   scripts/setup.sh             what the daemon needs
#   scripts/setup.sh --test      and what the tests need (Prometheus, Alertmanager)
#   scripts/setup.sh --kernels   what booting other kernels needs (QEMU, the cross compiler)
set -euo pipefail
cd "$(dirname "$0")/.."
# Where some of what is looked for lies, without being in everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 2; }

command -v npm >/dev/null || fail "npm was not found; any Node.js with npm will do: a newer Node.js is brought where the host's is too old"

# package -> what shows that it is there
missing=()
need() { # package, then a command of it
	command -v "$2" >/dev/null 2>&1 || missing+=("$1")
}
need_header() { # package, header
	local place
	for place in "/usr/include/$2" "/usr/local/include/$2" /usr/include/*-linux-gnu/"$2"; do
		[ -e "$place" ] && return
	done
	missing+=("$1")
}
need clang clang
need g++ g++
need make make
need python3 python3
need pkg-config pkg-config
need_header libbpf-dev bpf/libbpf.h
need_header libelf-dev libelf.h
need_header zlib1g-dev zlib.h
# The addon uses Node-API and libuv's poll handles, which are stable: the headers of
# any version will do, and with them at hand node-gyp needs no network.
node_headers=$(bash scripts/node-headers.sh)
[ -n "$node_headers" ] || missing+=(libnode-dev)
# Ubuntu's /usr/sbin/bpftool is a wrapper that may have no tool for this kernel behind it.
if ! bpftool version >/dev/null 2>&1; then
	if apt-cache show bpftool 2>/dev/null | grep -q '^Filename'; then missing+=(bpftool); else missing+=(linux-tools-common linux-tools-generic); fi
fi
if [ "${1:-}" = --test ]; then
	need prometheus prometheus
	need prometheus-alertmanager prometheus-alertmanager
	need openssl openssl
	need iproute2 ip
	need clang-format clang-format
	need netcat-openbsd nc
	# Real containers (test/e2e/containers.test.ts). Whoever has Docker's own packages keeps them.
	need podman podman
	need containerd containerd
	need docker.io dockerd
	need runc runc
	# Static, so that it is a root file system by itself.
	if ! command -v busybox >/dev/null || ldd "$(command -v busybox)" >/dev/null 2>&1; then missing+=(busybox-static); fi
	need util-linux findmnt
	need bsdutils script
	need jsonnet jsonnet
	# libFuzzer and the sanitizers, for clang as the distribution has it; without them the fuzz test is skipped.
	if ! { command -v clang >/dev/null && compgen -G "$(clang -print-resource-dir)/lib/*/libclang_rt.fuzzer*.a" >/dev/null; } &&
		apt-cache show libclang-rt-dev 2>/dev/null | grep -q '^Filename'; then missing+=(libclang-rt-dev); fi
	# The example's configuration is tried with the shipper itself.
	need rsyslog rsyslogd
	ls /usr/lib/*/rsyslog/omelasticsearch.so >/dev/null 2>&1 || missing+=(rsyslog-elasticsearch)
fi
if [ "${1:-}" = --kernels ]; then
	need qemu-system-x86 qemu-system-x86_64
	need qemu-system-arm qemu-system-aarch64
	need e2fsprogs mke2fs
	need cpio cpio
	need xz-utils xz
	need zstd zstd
	case $(uname -m) in
	x86_64) need g++-aarch64-linux-gnu aarch64-linux-gnu-g++ ;;
	aarch64) need g++-x86-64-linux-gnu x86_64-linux-gnu-g++ ;;
	esac
fi

if [ ${#missing[@]} -gt 0 ]; then
	command -v apt-get >/dev/null || fail "these packages are missing and there is no apt-get to install them: ${missing[*]}"
	[ "$(id -u)" = 0 ] || fail "these packages are missing, and installing them needs root: ${missing[*]}"
	say "installing system packages: ${missing[*]}"
	# A Debian server package must not start a service that nobody asked for.
	policy=/usr/sbin/policy-rc.d
	made_policy=
	if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made_policy=1; fi
	trap '[ -z "$made_policy" ] || rm -f "$policy"' EXIT
	apt-get update -qq >&2 || say "apt-get update failed; trying with the lists at hand"
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 ||
		fail "apt-get could not install: ${missing[*]}"
fi

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
	say "installing npm packages (npm ci)"
	# No package's install script runs: what is native here is built by scripts/build.sh.
	npm ci --ignore-scripts --no-audit --no-fund >&2
	touch node_modules/.package-lock.json
fi

exec bash scripts/build.sh
