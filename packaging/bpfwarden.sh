#!/bin/sh
# bpfwarden with the Node.js that came with it. SIGUSR1 would open Node's debugger
# to every local user.
# The rest keeps it small (src/cli/lean.ts).
self=$(readlink -f "$0") || exit 2
here=${self%/*}
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}" MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-262144}"
exec "$here/node" --disable-sigusr1 --max-semi-space-size=2 --v8-pool-size=1 "$here/../dist/main.js" "$@"
