#!/usr/bin/env bash
# Sees to it that npm scripts run on a Node.js that fits package.json's engines.
# Where the host's is too old, the one that packaging/runtime pins is taken from
# the npm registry and put first in the PATH that npm gives its scripts
# (node_modules/.bin); the host's own stays as it is.
#
#   scripts/runtime.sh              for this machine
#   scripts/runtime.sh fetch ARCH   prints the program's path for x64 or arm64
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'runtime: %s\n' "$*" >&2; }
fail() { say "$*"; exit 2; }

# What packaging/runtime pins, for one architecture: the lock file has the hashes.
fetch() { # arch
	local place=.cache/runtime/$1
	# npm start beside npm test would both bring it.
	mkdir -p .cache/runtime
	exec 8>.cache/runtime/lock
	flock 8
	if ! cmp -s packaging/runtime/package-lock.json "$place/package-lock.json" || [ ! -x "$place/node_modules/node-linux-$1/bin/node" ]; then
		command -v npm >/dev/null || fail "npm was not found: it brings Node.js and the packages"
		say "bringing Node.js $(sed -n "s/.*\"node-linux-$1\": \"\(.*\)\".*/\1/p" packaging/runtime/package.json) for $1 from the npm registry"
		rm -rf "$place"
		mkdir -p "$place"
		cp packaging/runtime/package.json "$place/"
		cp packaging/runtime/package-lock.json "$place/package-lock.json.new"
		mv "$place/package-lock.json.new" "$place/package-lock.json"
		npm ci --prefix "$place" --os=linux --cpu="$1" --ignore-scripts --no-audit --no-fund >/dev/null ||
			{ rm -rf "$place"; fail "npm could not bring it; install Node.js 22 or newer by hand"; }
	fi
	echo "$place/node_modules/node-linux-$1/bin/node"
}

if [ "${1:-}" = fetch ]; then
	fetch "$2"
	exit
fi

least=$(sed -n 's/.*"node": ">=\([0-9]*\)".*/\1/p' package.json)
link=node_modules/.bin/node
# The host's own: what stands in PATH behind our link.
own=$(PATH=$(printf %s "$PATH" | tr : '\n' | grep -v '/node_modules/' | paste -sd:) && command -v node || true)
if [ -n "$own" ] && [ "$("$own" -p 'process.versions.node.split(".")[0]')" -ge "$least" ]; then
	[ ! -L "$link" ] || rm "$link"
	exit
fi
case $(uname -m) in
x86_64) arch=x64 ;;
aarch64) arch=arm64 ;;
*) fail "Node.js $least or newer is needed, and there is none for $(uname -m) in the registry" ;;
esac
program=$(fetch "$arch")
if [ "$(readlink "$link" 2>/dev/null)" != "../../$program" ]; then
	found=none
	[ -z "$own" ] || found=$("$own" --version)
	say "npm's scripts run on $("$program" --version): Node.js $least or newer is needed, and this host has $found"
	mkdir -p node_modules/.bin
	ln -sfn "../../$program" "$link"
fi
