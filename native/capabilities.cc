// SPDX-License-Identifier: Apache-2.0
// Capabilities belong to a thread, and only the thread itself can lower them.
// Node has a dozen that no JavaScript reaches, so each is sent a signal whose
// handler does it, as libpsx does and glibc for setuid(2).
#include "capabilities.hh"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <dirent.h>
#include <linux/capability.h>
#include <mutex>
#include <set>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
// The kernel wants the code that returns from the handler; libc does not give
// its own for the signal used here. On arm64 the kernel brings it.
extern "C" __attribute__((visibility("hidden"))) void bpfwarden_return_from_signal();
__asm__(".text\n"
	".hidden bpfwarden_return_from_signal\n"
	".globl bpfwarden_return_from_signal\n"
	".type bpfwarden_return_from_signal,@function\n"
	"bpfwarden_return_from_signal:\n"
	"	movl $15, %eax\n" // rt_sigreturn
	"	syscall\n"
	".size bpfwarden_return_from_signal,.-bpfwarden_return_from_signal\n");
#endif

namespace bpfwarden
{

namespace
{

// Node's inspector thread blocks every signal that libc lets it block. Those
// are all but 32 and 33, which libc keeps for itself; 33 is the one by which
// glibc itself reaches all threads.
constexpr int kSignal = 33;
constexpr size_t kMostAnswers = 4096;
constexpr int64_t kPatienceNs = 2'000'000'000;
constexpr int kMostRounds = 64;

// struct sigaction as the kernel has it; libc's function refuses the signal.
struct KernelAction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)();
	uint64_t mask;
};
constexpr unsigned long kRestorer = 0x04000000;

// Written before the first signal, read by the handlers.
uint64_t kept;
std::atomic<size_t> answered{0};
std::atomic<pid_t> answers[kMostAnswers];

pid_t thread_id()
{
	return static_cast<pid_t>(syscall(SYS_gettid));
}

// Only system calls: this runs inside the signal handler.
int reduce_this_thread(uint64_t keep)
{
	// EPERM without CAP_SETPCAP: then no_new_privs has to do.
	for (unsigned int capability = 0; capability < 64; capability++) {
		if (!(keep >> capability & 1) &&
		    syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
			break; // not allowed, or beyond the kernel's last one
	}
	if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &header, data) != 0)
		return -errno;
	for (int word = 0; word < 2; word++) {
		data[word].permitted &= static_cast<uint32_t>(keep >> (32 * word));
		data[word].effective &= data[word].permitted;
		data[word].inheritable = 0; // takes the ambient set along
	}
	return syscall(SYS_capset, &header, data) == 0 ? 0 : -errno;
}

void on_signal(int, siginfo_t *info, void *)
{
	// Anybody of this user may send the signal; only this process means it.
	if (info->si_code != SI_TKILL || info->si_pid != getpid())
		return;
	int before = errno;
	if (reduce_this_thread(kept) == 0) {
		size_t at = answered.fetch_add(1);
		if (at < kMostAnswers)
			answers[at].store(thread_id());
	}
	errno = before;
}

bool set_action(const KernelAction *action, KernelAction *old)
{
	return syscall(SYS_rt_sigaction, kSignal, action, old, sizeof(uint64_t)) == 0;
}

bool has_answered(pid_t thread)
{
	const size_t count = std::min(answered.load(), kMostAnswers);
	return std::any_of(answers, answers + count,
			   [&](const std::atomic<pid_t> &answer) { return answer == thread; });
}

bool list_threads(std::set<pid_t> *out)
{
	DIR *directory = opendir("/proc/self/task");
	if (!directory)
		return false;
	while (const struct dirent *entry = readdir(directory)) {
		pid_t thread = static_cast<pid_t>(atoi(entry->d_name));
		if (thread > 0)
			out->insert(thread);
	}
	closedir(directory);
	return true;
}

int64_t now_ns()
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

bool exists(pid_t thread)
{
	return syscall(SYS_tgkill, getpid(), thread, 0) == 0;
}

// Signals those that have not done it and waits for them. A round without one
// ends it: no thread was left that could have started an unreduced one.
int reach_all(std::set<pid_t> *missing)
{
	const int64_t deadline = now_ns() + kPatienceNs;
	std::set<pid_t> signalled;
	for (int round = 0; round < kMostRounds; round++) {
		std::set<pid_t> threads;
		if (!list_threads(&threads))
			return -errno;
		threads.erase(thread_id());
		missing->clear();
		bool fresh = false;
		for (pid_t thread : threads) {
			if (has_answered(thread))
				continue;
			missing->insert(thread);
			if (signalled.insert(thread).second) {
				fresh = true;
				syscall(SYS_tgkill, getpid(), thread, kSignal);
			}
		}
		if (!fresh)
			break;
		while (now_ns() < deadline &&
		       std::any_of(missing->begin(), missing->end(), [](pid_t thread) {
			       return !has_answered(thread) && exists(thread);
		       })) {
			struct timespec pause = {0, 50'000};
			nanosleep(&pause, nullptr);
		}
	}
	for (auto thread = missing->begin(); thread != missing->end();)
		thread = has_answered(*thread) || !exists(*thread) ? missing->erase(thread)
								   : std::next(thread);
	return 0;
}

} // namespace

int drop_capabilities(uint64_t keep)
{
	static std::mutex one_at_a_time;
	std::lock_guard<std::mutex> lock(one_at_a_time);

	kept = keep;
	answered = 0;
	std::fill(std::begin(answers), std::end(answers), 0);
	int error = reduce_this_thread(keep);
	if (error)
		return error;

	KernelAction action = {on_signal, SA_SIGINFO | SA_RESTART | SA_ONSTACK, nullptr, ~0ULL};
#ifdef __x86_64__
	action.flags |= kRestorer;
	action.restorer = bpfwarden_return_from_signal;
#endif
	KernelAction old = {};
	if (!set_action(&action, &old))
		return -errno;
	std::set<pid_t> missing;
	error = reach_all(&missing);
	// A signal that is still on its way must find the handler: without one it
	// ends the process. Nobody else needs this signal while nobody is missing.
	if (!error && missing.empty())
		set_action(&old, nullptr);
	return error ? error : static_cast<int>(missing.size());
}

} // namespace bpfwarden
