#!/usr/bin/env bash
# BPF and C++ sources are laid out by clang-format; --write formats, otherwise it checks.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files 'bpf/*.c' 'bpf/*.h' 'native/*.cc' 'native/*.hh' 'bench/*.c' 'test/triggers/*.c' | grep -v vmlinux)
[ ${#files[@]} -gt 0 ] || exit 0
if [ "${1:-}" = --write ]; then clang-format -i "${files[@]}"; else clang-format --dry-run -Werror "${files[@]}"; fi
