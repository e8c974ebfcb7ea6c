// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace bpfwarden
{

// Takes from every thread of the process what is not in `keep` (bit n is
// capability n), from its bounding set too where it may, and sets
// no_new_privs, so that no program it starts gets any of it back. Threads
// started later inherit it. Returns how many threads did not answer within two
// seconds (they follow when they do), or -errno when it cannot be done at all.
int drop_capabilities(uint64_t keep);

} // namespace bpfwarden
