/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* The only definitions of the shared maps and knobs. */
#define BPFWARDEN_DEFINE_MAPS
#include "maps.bpf.h"

char LICENSE[] SEC("license") = "GPL";
