// SPDX-License-Identifier: Apache-2.0
// One BPF object: open, configure, load, attach, and access to its maps.
// Every method returns 0 or a count, or -errno; libbpf's words are in the log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <pthread.h>

struct btf;
struct bpf_link;
struct bpf_map;
struct bpf_object;
struct bpf_program;

namespace bpfwarden
{

struct Bytes {
	const uint8_t *data = nullptr;
	size_t size = 0;
	bool given = false; // JavaScript's null and undefined are "not given"
};

struct ProgramInfo {
	std::string name;
	std::string section;
	bool autoload;
	bool available; // the running kernel has what it attaches to
	int fd;
};

// A program that the verifier does not take, with the end of what it says.
struct Refusal {
	std::string program;
	int error;
	std::string log;
};

// Libbpf's hooks for a trial, see trial.cc; they stand as long as the object.
class TrialHandlers
{
      public:
	TrialHandlers();
	TrialHandlers(const TrialHandlers &) = delete;
	TrialHandlers &operator=(const TrialHandlers &) = delete;
	~TrialHandlers();

      private:
	std::vector<int> ids_;
};

struct MapShape {
	uint32_t type;
	uint32_t key_size;
	uint32_t value_size;
	uint32_t max_entries;
	uint32_t copies;    // values per key: possible CPUs, or 1
	uint32_t copy_size; // bytes of one copy as the bpf system call gives it
	int fd;
	size_t entry_value() const
	{
		return static_cast<size_t>(copies) * copy_size;
	}
};

class Object
{
      public:
	Object() = default;
	Object(const Object &) = delete;
	Object &operator=(const Object &) = delete;
	~Object();

	int open(const std::string &path);
	void close();
	bool is_open()
	{
		settle();
		return object_ != nullptr;
	}
	bool is_loaded()
	{
		settle();
		return loaded_;
	}

	int programs(std::vector<ProgramInfo> *out);
	int set_knob(const std::string &name, Bytes value);
	int set_map_entries(const std::string &map, uint32_t entries);
	int set_autoload(const std::string &program, bool on);
	// Begins to load on a thread of its own, so that the caller can do something else
	// meanwhile: any other call waits until it is done. load() has the answer.
	int begin_load();
	int load();
	// trial.cc: whether the kernel lets the function of this fentry or fmod_ret
	// program be hooked, by a program that does nothing. Detached again.
	int try_hook(const std::string &program);
	// trial.cc: an object opened for a trial is not loaded; each program that is
	// switched on is given to the verifier alone, then the object is closed.
	int open_trial(const std::string &path);
	int trial(std::vector<Refusal> *out);
	int attach(const std::string &program, const std::string &cgroup);
	int detach(const std::string &program);
	// The kernel measures every BPF program of the host until close, or until
	// the process ends in whatever way: the descriptor is what keeps it on.
	int enable_statistics();
	int read_iterator(const std::string &program, std::vector<uint8_t> *out);

	// maps.cc
	int shape(const std::string &map, MapShape *out);
	int read(const std::string &map, Bytes key, std::vector<uint8_t> *out);
	int write(const std::string &map, Bytes keys, Bytes values);

	struct Memory {
		void *address;
		size_t size;
	};
	// The memory stays mapped until close.
	int memory(const std::string &map, Memory *out);

      private:
	// Nothing of the object is touched while its thread is at work on it.
	void settle();
	static void *load_apart(void *object);
	int look_at_kernel();
	// Of what the program attaches to, in the kernel's types.
	int target_id(struct bpf_program *program);
	int find_program(const std::string &name, struct bpf_program **out);
	int find_map(const std::string &name, struct bpf_map **out);

	struct bpf_object *object_ = nullptr;            // owned; frees programs and maps
	std::map<std::string, struct bpf_link *> links_; // owned; destroyed before object_
	std::map<std::string, Memory> memories_;         // owned mappings
	bool looked_ = false;                            // the next two are known
	int look_error_ = 0;
	// What the kernel has of what programs attach to, with its ids.
	std::unordered_map<std::string, uint32_t> offered_;
	int statistics_ = -1; // owned descriptor
	std::unique_ptr<TrialHandlers> handlers_;
	bool loaded_ = false;

	pthread_t loader_ = {};
	bool apart_ = false;     // there is such a thread
	bool loading_ = false;   // how it went has not been looked at
	bool answered_ = true;   // load() has told how it went
	int load_error_ = 0;     // the thread's until it is joined
	std::string loader_log_; // likewise
};

} // namespace bpfwarden
