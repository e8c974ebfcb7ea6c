// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace bpfwarden
{

// Sends `text` as one datagram to a Unix socket; '@' begins an abstract name, as
// sd_notify(3) has it. Returns 0 or -errno. Never blocks.
int notify(const std::string &socket, const std::string &text);

} // namespace bpfwarden
