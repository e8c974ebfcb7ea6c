// SPDX-License-Identifier: Apache-2.0
#include "object.hh"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "kernel-types.hh"
#include "log.hh"

// Before 1.0, functions answer ERR_PTR instead of NULL and weak kernel functions
// are not resolved.
#if !defined(LIBBPF_MAJOR_VERSION) || LIBBPF_MAJOR_VERSION < 1
#error "libbpf 1.0 or newer is needed (Debian 12, Ubuntu 24.04 have it)"
#endif

namespace bpfwarden
{

namespace
{

constexpr size_t kMostIteratorBytes = 64 << 20;

// libbpf refuses the whole object when one program's tracepoint, iterator or
// function is not in the kernel. Only these have such a target: the name of one of
// the kernel's types, or empty.
std::string target_of(const std::string &section)
{
	size_t slash = section.find('/');
	if (slash == std::string::npos)
		return {};
	std::string type = section.substr(0, slash), target = section.substr(slash + 1);
	if (type == "tp_btf")
		return "btf_trace_" + target;
	if (type == "iter")
		return "bpf_iter_" + target;
	if (type == "lsm")
		return "bpf_lsm_" + target;
	if (type == "fentry" || type == "fexit" || type == "fmod_ret")
		return target;
	return {};
}

} // namespace

Object::~Object()
{
	close();
}

int Object::open(const std::string &path)
{
	settle();
	if (object_)
		return -EALREADY;
	answered_ = true;
	struct bpf_object *object = bpf_object__open_file(path.c_str(), nullptr);
	if (!object)
		return -errno;
	object_ = object;
	return 0;
}

void Object::close()
{
	settle();
	answered_ = true;
	for (auto &[name, link] : links_)
		bpf_link__destroy(link);
	links_.clear();
	for (auto &[name, memory] : memories_)
		munmap(memory.address, memory.size);
	memories_.clear();
	if (statistics_ >= 0)
		::close(statistics_);
	statistics_ = -1;
	bpf_object__close(object_);
	offered_.clear();
	looked_ = false;
	object_ = nullptr;
	loaded_ = false;
	handlers_.reset();
}

int Object::find_program(const std::string &name, struct bpf_program **out)
{
	settle();
	if (!object_)
		return -EBADF;
	*out = bpf_object__find_program_by_name(object_, name.c_str());
	return *out ? 0 : -ENOENT;
}

int Object::find_map(const std::string &name, struct bpf_map **out)
{
	settle();
	if (!object_)
		return -EBADF;
	*out = bpf_object__find_map_by_name(object_, name.c_str());
	return *out ? 0 : -ENOENT;
}

int Object::programs(std::vector<ProgramInfo> *out)
{
	settle();
	if (!object_)
		return -EBADF;
	int error = look_at_kernel();
	struct bpf_program *program;
	bpf_object__for_each_program(program, object_)
	{
		const char *section = bpf_program__section_name(program);
		std::string target = target_of(section);

		out->push_back({bpf_program__name(program), section, bpf_program__autoload(program),
				error || target.empty() || offered_.count(target),
				bpf_program__fd(program)});
	}
	return 0;
}

// Where the kernel's types cannot be read all counts as offered: what is not is refused
// by the load then.
int Object::look_at_kernel()
{
	if (looked_)
		return look_error_;
	std::unordered_set<std::string> targets;
	struct bpf_program *program;
	bpf_object__for_each_program(program, object_)
	    targets.insert(target_of(bpf_program__section_name(program)));
	look_error_ = find_kernel_types(targets, &offered_);
	looked_ = true;
	return look_error_;
}

int Object::target_id(struct bpf_program *program)
{
	int error = look_at_kernel();
	if (error)
		return error;
	auto found = offered_.find(target_of(bpf_program__section_name(program)));
	return found == offered_.end() ? -ENOENT : static_cast<int>(found->second);
}

// `const volatile` variables are one data section; its initial bytes may be
// changed until load. Where a variable lies is in the section's BTF.
int Object::set_knob(const std::string &name, Bytes value)
{
	settle();
	if (!object_)
		return -EBADF;
	if (loaded_)
		return -EBUSY;
	const struct btf *btf = bpf_object__btf(object_);
	int section = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -ENOENT;
	struct bpf_map *map = nullptr;
	struct bpf_map *each;
	bpf_object__for_each_map(each, object_)
	{
		const char *each_name = bpf_map__name(each);
		size_t length = strlen(each_name);
		if (length >= 7 && strcmp(each_name + length - 7, ".rodata") == 0)
			map = each;
	}
	if (section < 0 || !map)
		return -ENOENT;
	size_t size = 0;
	auto *data = static_cast<uint8_t *>(const_cast<void *>(bpf_map__initial_value(map, &size)));
	if (!data)
		return -ENOENT;
	const struct btf_type *type = btf__type_by_id(btf, static_cast<uint32_t>(section));
	const struct btf_var_secinfo *info = btf_var_secinfos(type);
	for (int i = 0; i < btf_vlen(type); i++, info++) {
		const struct btf_type *variable = btf__type_by_id(btf, info->type);
		if (name != btf__name_by_offset(btf, variable->name_off))
			continue;
		if (value.size != info->size || info->offset + info->size > size)
			return -EINVAL;
		memcpy(data + info->offset, value.data, value.size);
		return 0;
	}
	return -ENOENT;
}

int Object::set_map_entries(const std::string &name, uint32_t entries)
{
	struct bpf_map *map;
	int error = find_map(name, &map);
	if (error)
		return error;
	return loaded_ ? -EBUSY : bpf_map__set_max_entries(map, entries);
}

int Object::set_autoload(const std::string &name, bool on)
{
	struct bpf_program *program;
	int error = find_program(name, &program);
	if (error)
		return error;
	return loaded_ ? -EBUSY : bpf_program__set_autoload(program, on);
}

// A signal that is pending makes the verifier give up (EAGAIN): the thread takes none.
int Object::begin_load()
{
	settle();
	if (!object_)
		return -EBADF;
	if (loaded_ || handlers_)
		return -EALREADY;
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	apart_ = pthread_create(&loader_, nullptr, load_apart, this) == 0;
	pthread_sigmask(SIG_SETMASK, &before, nullptr);
	// Without a thread to be had it is done here.
	if (!apart_)
		load_apart(this);
	loading_ = true;
	answered_ = false;
	return 0;
}

void *Object::load_apart(void *object)
{
	auto *self = static_cast<Object *>(object);
	self->load_error_ = bpf_object__load(self->object_);
	self->loader_log_ = take_log();
	return nullptr;
}

void Object::settle()
{
	if (!loading_)
		return;
	loading_ = false;
	if (apart_)
		pthread_join(loader_, nullptr);
	add_log(loader_log_);
	loader_log_.clear();
	if (load_error_) {
		close();
		// close() takes the answer back.
		answered_ = false;
	} else {
		loaded_ = true;
	}
}

// A failed load leaves the object useless (libbpf has freed its parts), so it is
// closed; the caller opens it again, with other settings.
int Object::load()
{
	if (answered_) {
		int error = begin_load();
		if (error)
			return error;
	}
	settle();
	answered_ = true;
	return load_error_;
}

int Object::attach(const std::string &name, const std::string &cgroup)
{
	struct bpf_program *program;
	int error = find_program(name, &program);
	if (error)
		return error;
	if (!loaded_)
		return -EAGAIN;
	if (links_.count(name))
		return -EALREADY;
	if (bpf_program__fd(program) < 0)
		return -ENOENT;
	struct bpf_link *link;
	if (cgroup.empty()) {
		link = bpf_program__attach(program);
	} else {
		int fd = ::open(cgroup.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		link = bpf_program__attach_cgroup(program, fd);
		error = link ? 0 : -errno;
		::close(fd); // the link holds its own reference
	}
	if (!link)
		return error ? error : -errno;
	links_.emplace(name, link);
	return 0;
}

int Object::detach(const std::string &name)
{
	struct bpf_program *program;
	int error = find_program(name, &program);
	if (error)
		return error;
	auto found = links_.find(name);
	if (found == links_.end())
		return 0;
	error = bpf_link__destroy(found->second);
	links_.erase(found);
	return error;
}

int Object::enable_statistics()
{
	if (!object_)
		return -EBADF;
	if (statistics_ >= 0)
		return 0;
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (fd < 0)
		return -errno;
	statistics_ = fd;
	return 0;
}

int Object::read_iterator(const std::string &name, std::vector<uint8_t> *out)
{
	struct bpf_program *program;
	int error = find_program(name, &program);
	if (error)
		return error;
	if (!loaded_)
		return -EAGAIN;
	if (bpf_program__fd(program) < 0)
		return -ENOENT;
	struct bpf_link *link = bpf_program__attach_iter(program, nullptr);
	if (!link)
		return -errno;
	int fd = bpf_iter_create(bpf_link__fd(link));
	error = fd < 0 ? -errno : 0;
	while (!error) {
		constexpr size_t chunk = 64 << 10;
		size_t filled = out->size();
		if (filled + chunk > kMostIteratorBytes) {
			error = -EFBIG;
			break;
		}
		out->resize(filled + chunk);
		ssize_t got = ::read(fd, out->data() + filled, chunk);
		out->resize(filled + (got > 0 ? static_cast<size_t>(got) : 0));
		if (got == 0)
			break;
		// EAGAIN: the kernel asks to come back after many objects without output.
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			error = -errno;
	}
	if (fd >= 0)
		::close(fd);
	bpf_link__destroy(link);
	return error;
}

} // namespace bpfwarden
