#!/usr/bin/env bash
# Builds the BPF object, the addon and TypeScript; leaves alone what did not change.
#   scripts/build.sh [bpf|addon|ts]   default: all three
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin"
mkdir -p build

bash scripts/runtime.sh
PATH="$PWD/node_modules/.bin:$PATH"

say() { printf 'build: %s\n' "$*" >&2; }

# True when any of the given files differs from what the last build with this stamp saw.
changed() { # stamp, output, files...
	local stamp=build/$1.stamp output=$2
	shift 2
	sum=$(sha256sum "$@" | sha256sum | cut -d' ' -f1)-$(uname -m)
	[ ! -e "$output" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$sum" ]
}
done_with() { echo "$sum" >"build/$1.stamp"; }

what=${1:-all}
if [ "$what" = all ] || [ "$what" = bpf ]; then
	bash scripts/build-bpf.sh
fi
if [ "$what" = all ] || [ "$what" = addon ]; then
	# shellcheck disable=SC2046
	if changed addon build/Release/bpfwarden.node binding.gyp $(find native -type f \( -name '*.cc' -o -name '*.hh' -o -name '*.h' \) | sort); then
		say "compiling the addon"
		# Node-API and libuv are stable, so any version's headers will do; else node-gyp fetches this one's.
		nodedir=$(bash scripts/node-headers.sh)
		node node_modules/node-gyp/bin/node-gyp.js configure build --loglevel=warn ${nodedir:+--nodedir="$nodedir"} >build/addon.log 2>&1 || { cat build/addon.log >&2; exit 2; }
		done_with addon
	fi
fi
if [ "$what" = all ] || [ "$what" = ts ]; then
	# shellcheck disable=SC2046
	if changed ts dist/main.js tsconfig.json package-lock.json $(find src -name '*.ts' | sort); then
		say "compiling TypeScript"
		node_modules/.bin/tsc -p tsconfig.json || exit 1
		done_with ts
	fi
	# shellcheck disable=SC2046
	if changed rules dist/rules.compiled build/ts.stamp scripts/compile-rules.ts $(find rules -name '*.yaml' -not -path '*/examples/*' | sort); then
		say "compiling the rules"
		node --import tsx scripts/compile-rules.ts dist rules
		done_with rules
	fi
	if changed bundle dist/bundle/program.js build/ts.stamp scripts/bundle.ts package-lock.json; then
		say "bundling"
		node --import tsx scripts/bundle.ts dist
		done_with bundle
	fi
fi
