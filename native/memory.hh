// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bpfwarden
{

// Gives back what malloc holds free, and what of the program's own file is in
// memory: a start reads through nearly all of it, the daemon needs a third. The
// pages stay in the page cache and come back when they are touched.
void give_memory_back();

} // namespace bpfwarden
