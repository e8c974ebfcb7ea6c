// SPDX-License-Identifier: Apache-2.0
// Which programs this kernel's verifier refuses, each asked once: libbpf gives a
// whole object up with the first one. Its own hook before a program is loaded
// gives the program to the kernel, notes the answer, and puts a program of two
// instructions in its place, so that libbpf goes on to the next.
#include "object.hh"

#include <cerrno>
#include <cstring>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

namespace bpfwarden
{

namespace
{

constexpr size_t kLogBytes = 16 << 20; // what kernels before 5.18 give at most
constexpr size_t kReasonBytes = 4096;
constexpr int kAttempts = 20; // EAGAIN: a signal was pending

// Sections with a target in the kernel's types, and how the target is called there.
struct Hook {
	const char *section;
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
	const char *prefix;
	uint32_t kind;
};
const Hook kHooks[] = {
    {"tp_btf+", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "btf_trace_", BTF_KIND_TYPEDEF},
    {"iter+", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "bpf_iter_", BTF_KIND_FUNC},
    {"lsm+", BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "bpf_lsm_", BTF_KIND_FUNC},
    {"fentry+", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "", BTF_KIND_FUNC},
    {"fexit+", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, "", BTF_KIND_FUNC},
    {"fmod_ret+", BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, "", BTF_KIND_FUNC},
};

struct Trial {
	const struct btf *kernel;
	std::vector<Refusal> refusals;
};
thread_local Trial *running = nullptr;

int offer(const struct bpf_program *program, struct bpf_prog_load_opts *opts)
{
	int fd = -EAGAIN;
	for (int attempt = 0; attempt < kAttempts && fd == -EAGAIN; attempt++)
		fd = bpf_prog_load(bpf_program__type(program), bpf_program__name(program), "GPL",
				   bpf_program__insns(program), bpf_program__insn_cnt(program),
				   opts);
	return fd;
}

std::string reason_of(const struct bpf_program *program, const struct bpf_prog_load_opts *given)
{
	std::vector<char> log(kLogBytes);
	struct bpf_prog_load_opts opts = *given;
	opts.log_buf = log.data();
	opts.log_size = static_cast<uint32_t>(log.size());
	opts.log_level = 1;
	int fd = offer(program, &opts);
	if (fd >= 0)
		close(fd);
	size_t length = strnlen(log.data(), log.size());
	size_t from = length > kReasonBytes ? length - kReasonBytes : 0;
	return std::string(log.data() + from, length - from);
}

int before_load(struct bpf_program *program, struct bpf_prog_load_opts *opts, long cookie)
{
	if (!running)
		return -EINVAL;
	const Hook &hook = kHooks[cookie];
	const char *slash = strchr(bpf_program__section_name(program), '/');
	std::string target = std::string(hook.prefix) + (slash ? slash + 1 : "");
	int id = btf__find_by_name_kind(running->kernel, target.c_str(), hook.kind);
	if (id < 0)
		return id;
	opts->attach_btf_id = static_cast<uint32_t>(id);
	int fd = offer(program, opts);
	if (fd >= 0)
		close(fd);
	else
		running->refusals.push_back(
		    {bpf_program__name(program), fd, reason_of(program, opts)});
	struct bpf_insn nothing[2] = {};
	nothing[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
	nothing[1].code = BPF_JMP | BPF_EXIT;
	opts->func_info_cnt = 0;
	opts->line_info_cnt = 0;
	return bpf_program__set_insns(program, nothing, 2);
}

} // namespace

TrialHandlers::TrialHandlers()
{
	// One that stays: libbpf before 1.2 keeps a freed table when the last one goes
	// (libbpf_unregister_prog_handler, realloc to 0 bytes).
	static int kept = libbpf_register_prog_handler("bpfwarden_kept", BPF_PROG_TYPE_TRACING,
						       BPF_TRACE_RAW_TP, nullptr);
	if (kept < 0)
		return;
	for (size_t i = 0; i < sizeof(kHooks) / sizeof(kHooks[0]); i++) {
		LIBBPF_OPTS(libbpf_prog_handler_opts, opts);
		opts.cookie = static_cast<long>(i);
		opts.prog_prepare_load_fn = before_load;
		ids_.push_back(libbpf_register_prog_handler(kHooks[i].section, kHooks[i].type,
							    kHooks[i].attach, &opts));
	}
}

TrialHandlers::~TrialHandlers()
{
	for (int id : ids_)
		if (id >= 0)
			libbpf_unregister_prog_handler(id);
}

int Object::try_hook(const std::string &name)
{
	struct bpf_program *program;
	int error = find_program(name, &program);
	if (error)
		return error;
	int id = target_id(program);
	if (id < 0)
		return id;
	struct bpf_insn nothing[2] = {};
	nothing[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
	nothing[1].code = BPF_JMP | BPF_EXIT;
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	opts.expected_attach_type = bpf_program__expected_attach_type(program);
	opts.attach_btf_id = static_cast<uint32_t>(id);
	int fd = -EAGAIN;
	for (int attempt = 0; attempt < kAttempts && fd == -EAGAIN; attempt++)
		fd =
		    bpf_prog_load(bpf_program__type(program), "try_hook", "GPL", nothing, 2, &opts);
	if (fd < 0)
		return fd;
	int link = bpf_raw_tracepoint_open(nullptr, fd);
	error = link < 0 ? -errno : 0;
	if (link >= 0)
		::close(link);
	::close(fd);
	return error;
}

int Object::open_trial(const std::string &path)
{
	if (object_)
		return -EALREADY;
	handlers_ = std::make_unique<TrialHandlers>();
	int error = open(path);
	if (error)
		handlers_.reset();
	return error;
}

int Object::trial(std::vector<Refusal> *out)
{
	if (!object_ || !handlers_)
		return -EBADF;
	struct btf *kernel = btf__load_vmlinux_btf();
	if (!kernel)
		return -ENOENT;
	Trial trial = {kernel, {}};
	running = &trial;
	int error = bpf_object__load(object_);
	running = nullptr;
	btf__free(kernel);
	close();
	*out = std::move(trial.refusals);
	return error;
}

} // namespace bpfwarden
