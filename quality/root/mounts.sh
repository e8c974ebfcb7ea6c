#!/usr/bin/env bash
# mounts.sh BASE TEMPLATE SCENARIO: makes a throw-away copy of the root file system and runs processes.sh in it.
# Runs as the host's root in a mount namespace of its own. What stays of it when the namespace ends is nothing.
set -eu
base=$1 template=$2 scenario=$3
mount --make-rprivate /
mount -t tmpfs -o size=3g,mode=755 tmpfs "$base"
mkdir "$base"/{upper,work,root,sysctl-upper,sysctl-work}
root=$base/root
# Later layers lie on top: the host, the programs installed for the scenarios, the people who live here.
mount -t overlay overlay -o "lowerdir=$template/people/upper:$template/programs:/,upperdir=$base/upper,workdir=$base/work" "$root"
mount --bind /proc "$root/proc"
# Not recursive: neither the host's cgroups nor its tracefs come along.
mount --bind /sys "$root/sys"
mount -o remount,bind,ro "$root/sys"
mount -t tmpfs -o size=2g,mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir -m 1777 "$root/dev/shm"
mkdir "$root/dev/pts" "$root/run/quality" "$root/run/lock"
for device in null zero full random urandom tty; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
# A copy of /proc/sys, to be written to in place of the kernel's own.
mkdir "$root/run/quality/sysctl"
mount -t overlay overlay -o "lowerdir=$template/sysctl,upperdir=$base/sysctl-upper,workdir=$base/sysctl-work" "$root/run/quality/sysctl"
cp "$template"/scripts/* "$template/scenarios/$scenario"/* "$root/run/quality/"
mkdir "$root/run/host"
cd "$root"
pivot_root . run/host
export QUALITY_SCENARIO=$scenario
exec bash /run/quality/users.sh
