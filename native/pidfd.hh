// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace bpfwarden
{

// Signals the process `pid` if it started at `ticks` (clock ticks since boot).
// Never init and never this process. Returns 0 or -errno; -ESRCH: not that one.
int pidfd_signal(int pid, int signal, uint64_t ticks);

} // namespace bpfwarden
