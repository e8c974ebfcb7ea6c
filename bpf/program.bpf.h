/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/*
 * What user space knows of a program stands above it, in C: what switches it on
 * (always, process, network, filesystem, response) and what is not seen, or not
 * done, without it.
 *
 *	PROGRAM(exit_open, filesystem, "file_open, file_create");
 *	SEC("tp_btf/sys_exit")
 *
 * The rows are in the section .programs, which libbpf passes over and no kernel is
 * given: it costs nothing at run time and loads wherever the programs do. They are no
 * declaration tags, which need clang 14 and which libbpf has to take out again before
 * 5.16 (kernel commit b5ea834dde6b, "bpf: Support for new btf kind BTF_KIND_TAG").
 * scripts/generate-programs.ts makes src/kernel/programs.gen.ts of them; a program
 * without a row, or a row without its program, fails the build. NAME__WHERE, NAME for
 * kernels that call its hook otherwise, shares the row of NAME.
 */
#ifndef BPFWARDEN_PROGRAM_H
#define BPFWARDEN_PROGRAM_H

/* nodebug: they are nothing that BTF has to describe. */
#define PROGRAM_ROW(name, text)                                                                    \
	static const char program_##name[] __attribute__((used, nodebug, section(".programs"))) =  \
	    text

#define PROGRAM(name, group, watches) PROGRAM_ROW(name, #name "\t" #group "\t\t" watches)

/* Hooks a function that knows the final path; every event comes without it, too. */
#define PROGRAM_RESOLVES(name, group, call)                                                        \
	PROGRAM(name, group,                                                                       \
		"the final path of " call                                                          \
		" (without it the one that was passed: event.unverified)")

/* Refuses calls that are reported as events of the first kind, and some of the second kind. */
#define PROGRAM_PREVENTS(name, kinds, call)                                                        \
	PROGRAM_ROW(name, #name "\tresponse\t" #kinds                                              \
				"\trules that are decided in the kernel do not refuse " call)

#endif /* BPFWARDEN_PROGRAM_H */
