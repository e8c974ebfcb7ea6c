#!/usr/bin/env bash
# Builds what depends on the processor, for x64 or arm64, on a machine of either:
#   scripts/cross.sh ARCH   writes build/ARCH/{Release/bpfwarden.node,bpf/bpfwarden.bpf.o}
# libbpf is linked into the addon; libelf and zlib are copied beside it and found
# there before the host's (Debian's static libelf cannot be linked into a shared
# object), so that a host needs glibc 2.34 and libstdc++, which Node.js needs anyway.
# The same input gives the same bytes, wherever the checkout lies. The other
# processor's libraries are Debian's packages, unpacked, not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf 'cross: %s\n' "$*" >&2; }
fail() { say "$*"; exit 2; }

case ${1:-} in
x64) machine=x86_64 debian=amd64 bpf=x86 ;;
arm64) machine=aarch64 debian=arm64 bpf=arm64 ;;
*) fail "usage: scripts/cross.sh x64|arm64" ;;
esac
arch=$1
out=build/$arch
mkdir -p "$out"
exec 7>"$out/lock"
flock 7

BPF_ARCH=$bpf BPF_OUT=$out/bpf bash scripts/build-bpf.sh

if [ "$(uname -m)" = "$machine" ]; then
	prefix='' sysroot=''
else
	prefix=$machine-linux-gnu- sysroot=$PWD/.cache/sysroot/$arch
	command -v "${prefix}g++" >/dev/null || fail "${prefix}g++ was not found (apt-get install g++-$(echo "$machine" | tr _ -)-linux-gnu)"
	bash scripts/debian-packages.sh "$debian" "$sysroot" libbpf-dev libelf1 zlib1g
fi

library() { # file name
	local found
	found=$(ls {"$sysroot/usr/lib","$sysroot/lib"}/"$machine-linux-gnu/$1" "$sysroot"/usr/lib64/"$1" 2>/dev/null | head -n 1 || true)
	[ -n "$found" ] || fail "$1 was not found (packages libbpf-dev, libelf1, zlib1g)"
	echo "$found"
}
libbpf=$(library libbpf.a)
libelf=$(library libelf.so.1)
libz=$(library libz.so.1)
libraries=("$libbpf" "$libelf" "$libz")
# For the bill of materials: package and version of each.
if [ -n "$sysroot" ]; then
	for package in "$sysroot.packages"/*.deb; do dpkg-deb -W --showformat '${Package} ${Version}\n' "$package"; done
elif command -v dpkg-query >/dev/null; then
	dpkg-query -W -f '${Package} ${Version}\n' libbpf-dev libelf1 libelf1t64 zlib1g 2>/dev/null || true
elif command -v rpm >/dev/null; then
	rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE}\n' libbpf-static elfutils-libelf zlib zlib-ng-compat 2>/dev/null | grep -v 'not installed' || true
fi >"$out/libraries"

result=$out/Release/bpfwarden.node
# shellcheck disable=SC2046
sum=$({ sha256sum binding.gyp "$0" "${libraries[@]}" $(find native -type f | sort); "${prefix}g++" --version; } | sha256sum | cut -d' ' -f1)
if [ ! -e "$result" ] || [ "$(cat "$out/addon.stamp" 2>/dev/null)" != "$sum" ]; then
	say "compiling the addon for $arch"
	bash scripts/runtime.sh
	# Headers and flags are those of the Node.js that runs node-gyp, however this was started:
	# npm may name the host's headers to its scripts (npm_config_nodedir).
	unset npm_config_nodedir
	node_first=$PWD/node_modules/.bin:$PATH
	headers=$(PATH=$node_first bash scripts/node-headers.sh)
	# As system headers, as the host's own are: what libbpf's macros expand to is not ours to be warned of.
	# node-gyp works in the folder of binding.gyp: a copy, so that the machine's own build stays.
	work=$out/addon
	rm -rf "$work" "$out/addon.stamp"
	mkdir -p "$work" "$out/Release"
	cp -r binding.gyp native "$work/"
	CC=${prefix}gcc CXX=${prefix}g++ AR=${prefix}ar LINK=${prefix}g++ \
		CPPFLAGS="${sysroot:+-isystem $sysroot/usr/include}" CXXFLAGS="-g0 -ffile-prefix-map=$PWD=." LDFLAGS="-Wl,-rpath,'\$\$ORIGIN'" \
		BPFWARDEN_LIBRARIES="${libraries[*]}" PATH=$node_first \
		node node_modules/node-gyp/bin/node-gyp.js rebuild --directory="$work" --arch="$arch" --loglevel=warn ${headers:+--nodedir="$headers"} >"$out/addon.log" 2>&1 ||
		{ cat "$out/addon.log" >&2; exit 2; }
	"${prefix}strip" --strip-unneeded -o "$result" "$work/build/Release/bpfwarden.node"
	cp --dereference --preserve=mode "$libelf" "$libz" "$out/Release/"
	rm -rf "$work"
	echo "$sum" >"$out/addon.stamp"
fi
