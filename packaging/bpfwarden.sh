#!/bin/sh
# bpfwarden with the Node.js that came with it. SIGUSR1 would open Node's debugger
# to every local user.
self=$(readlink -f "$0") || exit 2
here=${self%/*}
exec "$here/node" --disable-sigusr1 "$here/../dist/main.js" "$@"
