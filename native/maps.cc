// SPDX-License-Identifier: Apache-2.0
// Reading and writing maps. Batched where the kernel has it: a filter swap is
// thousands of entries.
#include "object.hh"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

namespace bpfwarden
{

namespace
{

bool is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

bool is_ring(uint32_t type)
{
	return type == BPF_MAP_TYPE_RINGBUF || type == BPF_MAP_TYPE_USER_RINGBUF;
}

size_t round_up(size_t value, size_t to)
{
	return (value + to - 1) / to * to;
}

// Removes every key. The key is fetched anew after each deletion: a deleted key
// has no "next" and would begin the walk again.
int empty_map(const MapShape &map)
{
	std::vector<uint8_t> key(map.key_size);
	int done = 0;
	// Programs may add entries as fast as they are deleted: bounded.
	uint64_t most = 2ull * map.max_entries + 1;
	while (most-- && bpf_map_get_next_key(map.fd, nullptr, key.data()) == 0) {
		if (bpf_map_delete_elem(map.fd, key.data()) == 0)
			done++;
		else if (errno != ENOENT)
			return -errno;
	}
	return done;
}

int read_all(const MapShape &map, std::vector<uint8_t> *out)
{
	const size_t value = map.entry_value();
	std::vector<uint8_t> key(map.key_size), next(map.key_size), buffer(value);
	bool first = true;
	// A key deleted by a program between two steps makes the kernel start again
	// from the beginning; the bound ends a walk that would never end.
	uint64_t most = 2ull * map.max_entries + 1;
	while (most-- &&
	       bpf_map_get_next_key(map.fd, first ? nullptr : key.data(), next.data()) == 0) {
		first = false;
		key.swap(next);
		if (bpf_map_lookup_elem(map.fd, key.data(), buffer.data()) != 0) {
			if (errno == ENOENT)
				continue;
			return -errno;
		}
		out->insert(out->end(), key.begin(), key.end());
		out->insert(out->end(), buffer.begin(), buffer.end());
	}
	return 0;
}

int delete_keys(const MapShape &map, Bytes keys)
{
	int done = 0;
	for (size_t at = 0; at < keys.size; at += map.key_size, done++)
		if (bpf_map_delete_elem(map.fd, keys.data + at) != 0 && errno != ENOENT)
			return -errno;
	return done;
}

} // namespace

int Object::shape(const std::string &name, MapShape *out)
{
	struct bpf_map *map;
	int error = find_map(name, &map);
	if (error)
		return error;
	if (!loaded_)
		return -EAGAIN;
	out->type = bpf_map__type(map);
	out->key_size = bpf_map__key_size(map);
	out->value_size = bpf_map__value_size(map);
	out->max_entries = bpf_map__max_entries(map);
	out->fd = bpf_map__fd(map);
	out->copies = 1;
	out->copy_size = out->value_size;
	if (is_per_cpu(out->type)) {
		int cpus = libbpf_num_possible_cpus();
		if (cpus < 0)
			return cpus;
		out->copies = static_cast<uint32_t>(cpus);
		out->copy_size = static_cast<uint32_t>(round_up(out->value_size, 8));
	}
	return 0;
}

int Object::read(const std::string &name, Bytes key, std::vector<uint8_t> *out)
{
	MapShape map;
	int error = shape(name, &map);
	if (error)
		return error;
	if (is_ring(map.type))
		return -EINVAL;
	if (!key.given)
		return read_all(map, out);
	if (key.size != map.key_size)
		return -EINVAL;
	out->resize(map.entry_value());
	return bpf_map_lookup_elem(map.fd, key.data, out->data()) == 0 ? 0 : -errno;
}

int Object::write(const std::string &name, Bytes keys, Bytes values)
{
	MapShape map;
	int error = shape(name, &map);
	if (error)
		return error;
	if (is_ring(map.type) || map.key_size == 0)
		return -EINVAL;
	if (!keys.given)
		return values.given ? -EINVAL : empty_map(map);
	if (keys.size % map.key_size != 0)
		return -EINVAL;
	if (!values.given)
		return delete_keys(map, keys);

	const size_t count = keys.size / map.key_size;
	const size_t whole = map.entry_value();
	const bool spread = map.copies > 1 && values.size == count * map.value_size;
	if (!spread && values.size != count * whole)
		return -EINVAL;
	if (count == 0)
		return 0;

	if (map.copies == 1 && count > 1) {
		uint32_t done = static_cast<uint32_t>(count);
		if (bpf_map_update_batch(map.fd, keys.data, values.data, &done, nullptr) == 0)
			return static_cast<int>(count);
		// Not every map type has batches, and libbpf reports a map that is full
		// only by stopping: the loop below repeats what is missing, one by one.
	}
	std::vector<uint8_t> copies(whole);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *value = values.data + i * (spread ? map.value_size : whole);
		if (spread) {
			for (uint32_t cpu = 0; cpu < map.copies; cpu++)
				memcpy(copies.data() + static_cast<size_t>(cpu) * map.copy_size,
				       value, map.value_size);
			value = copies.data();
		}
		if (bpf_map_update_elem(map.fd, keys.data + i * map.key_size, value, BPF_ANY) != 0)
			return -errno;
	}
	return static_cast<int>(count);
}

int Object::memory(const std::string &name, Memory *out)
{
	MapShape map;
	int error = shape(name, &map);
	if (error)
		return error;
	auto found = memories_.find(name);
	if (found != memories_.end()) {
		*out = found->second;
		return 0;
	}
	if (map.type != BPF_MAP_TYPE_ARRAY)
		return -EINVAL;
	const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
	Memory memory;
	memory.size =
	    round_up(round_up(map.value_size, 8) * static_cast<size_t>(map.max_entries), page);
	memory.address = mmap(nullptr, memory.size, PROT_READ | PROT_WRITE, MAP_SHARED, map.fd, 0);
	if (memory.address == MAP_FAILED)
		return -errno;
	memories_.emplace(name, memory);
	*out = memory;
	return 0;
}

} // namespace bpfwarden
