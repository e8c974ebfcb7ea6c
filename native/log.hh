// SPDX-License-Identifier: Apache-2.0
// libbpf's text output, kept for the error that it explains.
#pragma once

#include <string>

namespace bpfwarden
{

// From now on libbpf's warnings are kept, for each thread its own.
void collect_log();

// Text since the last call, at most 1 MiB: the end is kept, since the reason
// of a failure is what libbpf and the verifier say last.
std::string take_log();

// Appends the addon's own words.
void log_line(const std::string &text);

// Appends what another thread has taken.
void add_log(const std::string &text);

} // namespace bpfwarden
