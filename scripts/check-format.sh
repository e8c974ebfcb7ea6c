#!/usr/bin/env bash
# BPF and C++ sources are laid out by clang-format and have at most 400 lines a file, as
# biome.json says of TypeScript; --write formats, otherwise it checks.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files 'bpf/*.c' 'bpf/*.h' 'native/*.cc' 'native/*.hh' 'bench/*.c' 'test/triggers/*.c' | grep -v vmlinux)
[ ${#files[@]} -gt 0 ] || exit 0
if [ "${1:-}" = --write ]; then clang-format -i "${files[@]}"; else clang-format --dry-run -Werror "${files[@]}"; fi
for file in "${files[@]}"; do
	lines=$(wc -l <"$file")
	case $file in bpf/* | native/*) ((lines <= 400)) || long+=("$file has $lines lines") ;; esac
done
[ -z "${long+x}" ] || {
	printf 'check-format: %s, more than 400\n' "${long[@]}" >&2
	exit 1
}
