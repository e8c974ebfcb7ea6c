// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace bpfwarden
{

// One harmless operation of the calling thread that the hook for `kind` must see;
// `path` names nothing. Most fail, as they should. Returns the process id of the
// child where there was one, else 0; -EINVAL for a kind without an operation.
int canary(const std::string &kind, const char *path);

} // namespace bpfwarden
