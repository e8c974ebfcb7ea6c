// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace bpfwarden
{

// The ids of what the running kernel has of these names: functions, and the typedefs
// of its tracepoints. Answers 0 or a negative errno; what was found until then stays.
int find_kernel_types(const std::unordered_set<std::string> &names,
		      std::unordered_map<std::string, uint32_t> *ids);

} // namespace bpfwarden
