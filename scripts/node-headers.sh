#!/usr/bin/env bash
# Prints where Node's headers lie (DIR/include/node), or nothing.
set -euo pipefail
for place in "${npm_config_nodedir:-}" "$(dirname "$(dirname "$(readlink -f "$(command -v node || echo /none/none)")")")" /usr /usr/local; do
	if [ -n "$place" ] && [ -e "$place/include/node/node_api.h" ] && [ -e "$place/include/node/uv.h" ] && [ -e "$place/include/node/common.gypi" ]; then
		echo "$place"
		exit
	fi
done
