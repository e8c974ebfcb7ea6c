#!/usr/bin/env bash
# Run once in a root of its own: the packages of packages.txt that the scenarios use.
set -eu
grep -v '^#' /run/packages | DEBIAN_FRONTEND=noninteractive xargs apt-get install -y --no-install-recommends
apt-get clean
