// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bpfwarden
{

// This process's id in the initial pid namespace, by which events name it: in a
// container with pids of its own getpid() is another number. Asked of the kernel
// by a BPF program of three instructions (type syscall, Linux 5.14); -errno.
int own_pid();

} // namespace bpfwarden
