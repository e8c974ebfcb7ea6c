#!/usr/bin/env bash
# layer.sh BASE SCRIPT [LOWER]: runs a script with the host's root changed into a layer; what it writes is in BASE/upper.
# The network is the host's: packages come through the ordinary client. Services are not started.
set -eu
base=$1 script=$2 lower=${3:+$3:}/
mount --make-rprivate /
mkdir -p "$base"/{upper,work,merged}
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$base/upper,workdir=$base/work" "$base/merged"
root=$base/merged
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp "$script" "$root/run/layer"
cp "${BASH_SOURCE%/*}/peer.py" "$root/run/peer.py"
[ ! -e "$base/packages" ] || cp "$base/packages" "$root/run/packages"
exec unshare --pid --fork --kill-child chroot "$root" bash /run/layer
