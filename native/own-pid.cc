// SPDX-License-Identifier: Apache-2.0
#include "own-pid.hh"

#include <cerrno>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

namespace bpfwarden
{

int own_pid()
{
	constexpr __u8 R0 = 0;
	const bpf_insn program[] = {
	    {BPF_JMP | BPF_CALL, R0, 0, 0, BPF_FUNC_get_current_pid_tgid},
	    {BPF_ALU64 | BPF_RSH | BPF_K, R0, 0, 0, 32},
	    {BPF_JMP | BPF_EXIT, R0, 0, 0, 0},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, load);
	load.prog_flags = BPF_F_SLEEPABLE; // the only way in which this type is accepted
	int fd = bpf_prog_load(BPF_PROG_TYPE_SYSCALL, "own_pid", "GPL", program,
			       sizeof(program) / sizeof(program[0]), &load);
	if (fd < 0)
		return fd;
	LIBBPF_OPTS(bpf_test_run_opts, run);
	int error = bpf_prog_test_run_opts(fd, &run);
	close(fd);
	return error < 0 ? error : static_cast<int>(run.retval);
}

} // namespace bpfwarden
