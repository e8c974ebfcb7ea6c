// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

namespace bpfwarden
{

// The exports that are about this process and others, and need no object:
// pidfdSignal, notify, canary, ownPid, dropCapabilities, takeLog.
void export_process(Napi::Env env, Napi::Object exports);

} // namespace bpfwarden
