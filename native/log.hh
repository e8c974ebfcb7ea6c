// SPDX-License-Identifier: Apache-2.0
// libbpf's text output, kept for the error that it explains.
#pragma once

#include <string>

namespace bpfwarden
{

// 0 warnings, 1 information, 2 debug; for the calling thread.
void set_log_level(int level);

// Text since the last call, at most 1 MiB: the end is kept, since the reason
// of a failure is what libbpf and the verifier say last.
std::string take_log();

// Appends the addon's own words.
void log_line(const std::string &text);

} // namespace bpfwarden
