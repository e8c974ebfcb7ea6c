#!/usr/bin/env bash
# Unpacks Debian packages of either processor into a folder; installs nothing.
#   scripts/debian-packages.sh amd64|arm64 DIR PACKAGE…
# The downloaded files stay in DIR.packages; a second call with the same packages
# does nothing.
set -euo pipefail
debian=$1 to=$(realpath -m "$2")
shift 2
say() { printf 'debian-packages: %s\n' "$*" >&2; }

wanted=$(printf '%s\n' "$@")
if [ "$(cat "$to.complete" 2>/dev/null)" = "$wanted" ]; then exit; fi
command -v apt-get >/dev/null || { say "apt-get was not found: the $debian packages are taken from Debian"; exit 2; }
say "unpacking Debian's $debian packages: $*"
rm -rf "$to" "$to.complete" "$to.packages"
mkdir -p "$to" "$to.packages/lists/partial"
apt() { apt-get -qq -o APT::Architecture="$debian" -o APT::Architectures::="$debian" -o Dir::State::lists="$to.packages/lists" \
	-o Dir::State::status=/dev/null -o Dir::Cache="$to.packages/cache" -o APT::Sandbox::User=root "$@"; }
apt update >&2 || { say "apt-get could not read the $debian lists"; exit 2; }
(cd "$to.packages" && apt download "$@" >&2) || { say "apt-get could not download the $debian packages"; exit 2; }
for package in "$to.packages"/*.deb; do dpkg-deb -x "$package" "$to"; done
rm -rf "$to.packages/lists" "$to.packages/cache"
echo "$wanted" >"$to.complete"
