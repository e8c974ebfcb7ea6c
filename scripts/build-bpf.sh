#!/usr/bin/env bash
# Compiles bpf/*.bpf.c and links them to build/bpf/bpfwarden.bpf.o. Compiles only
# what changed; needs clang 12 or newer, libbpf's headers and bpftool, and no
# kernel: the types are in bpf/vmlinux.h.
#   BPF_ARCH=x86|arm64   default: this machine's
#   BPF_OUT=DIR          default: build/bpf
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/usr/local/sbin"
out=${BPF_OUT:-build/bpf}
mkdir -p "$out"
# Two builds at once (npm start beside npm test) would write the same files.
exec 9>"$out/lock"
flock 9

case ${BPF_ARCH:-$(uname -m)} in
x86 | x86_64) arch=x86 ;;
arm64 | aarch64) arch=arm64 ;;
*)
	echo "build-bpf: unsupported machine: $(uname -m)" >&2
	exit 2
	;;
esac

# Ubuntu's /usr/sbin/bpftool is a wrapper that refuses a kernel without its own
# tools package; the real program lies below /usr/lib.
find_bpftool() {
	local candidate
	for candidate in bpftool /usr/lib/linux-tools/*/bpftool /usr/lib/linux-tools-*/bpftool; do
		if "$candidate" version >/dev/null 2>&1; then
			echo "$candidate"
			return
		fi
	done
	echo "build-bpf: no working bpftool (apt-get install bpftool, or linux-tools-generic on Ubuntu)" >&2
	exit 2
}

clang=${CLANG:-clang}
strip=${LLVM_STRIP:-$(command -v llvm-strip || ls /usr/bin/llvm-strip-* 2>/dev/null | tail -n 1 || true)}
flags=(-g -O2 -target bpf -mcpu=v3 "-D__TARGET_ARCH_$arch" -Wall -Wextra -Werror -Ibpf
	"-ffile-prefix-map=$PWD=." # the BTF's line information would name the place of the checkout
	-Wno-unused-parameter) # BPF_PROG gives every hook a ctx and all arguments of its tracepoint
stamp=$({
	echo "$arch ${flags[*]/$PWD/}"
	"$clang" --version | head -n 1
	cat bpf/*.h
} | sha256sum | cut -d' ' -f1)

# Definitions of maps and constants first: bpftool 7.1's linker leaves offset 0 in
# the BTF of a variable that it met as extern before its definition.
mapfile -t defining < <(grep -l '^#define BPFWARDEN_DEFINE_' bpf/*.bpf.c)
sources=(bpf/maps.bpf.c bpf/dispatch.bpf.c)
for source in "${defining[@]}" bpf/*.bpf.c; do
	case " ${sources[*]} " in *" $source "*) ;; *) sources+=("$source") ;; esac
done
objects=()
built=0
for source in "${sources[@]}"; do
	object=$out/$(basename "$source" .bpf.c).$arch.o
	objects+=("$object")
	want=$stamp-$(sha256sum <"$source" | cut -d' ' -f1)
	[ -e "$object" ] && [ "$(cat "$object.stamp" 2>/dev/null)" = "$want" ] && continue
	rm -f "$object.stamp"
	"$clang" "${flags[@]}" -c "$source" -o "$object"
	echo "$want" >"$object.stamp"
	built=$((built + 1))
done

# What is linked also depends on which sources there are.
result=$out/bpfwarden.bpf.o
want=$(cat "${objects[@]/%/.stamp}" | sha256sum | cut -d' ' -f1)
if [ ! -e "$result" ] || [ "$(cat "$result.stamp" 2>/dev/null)" != "$want" ]; then
	rm -f "$result.stamp"
	"$(find_bpftool)" gen object "$result.new" "${objects[@]}"
	# What this machine's kernel accepts another may refuse for its stack.
	if [ -d node_modules/tsx ]; then
		node --import tsx scripts/stack-depth.ts "$result.new" || exit 1
		node --import tsx scripts/check-programs.ts "$result.new" || exit 1
	else
		echo "build-bpf: stack depth not checked: the packages for development are not installed" >&2
	fi
	# DWARF is of no use to anybody here; BTF stays.
	if [ -n "$strip" ]; then "$strip" -g "$result.new"; fi
	mv "$result.new" "$result"
	echo "$want" >"$result.stamp"
	echo "build-bpf: compiled $built of ${#sources[@]} files, linked $result" >&2
fi
