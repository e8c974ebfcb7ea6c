#!/usr/bin/env bash
# The host's own file systems are let go of, then the host's users and processes.
set -eu
umount -l /run/host
rmdir /run/host
. /run/quality/enter.sh
enter --mount --pid --fork --kill-child processes.sh
