// SPDX-License-Identifier: Apache-2.0
// The kernel's types are five megabytes, of which a few names are wanted. libbpf would
// copy them, make a table of a hundred thousand places and go through it for each name:
// a tenth of what a start costs beside the verifier.
#include "kernel-types.hh"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/btf.h>

namespace bpfwarden
{

namespace
{

constexpr char kPath[] = "/sys/kernel/btf/vmlinux";
constexpr off_t kMostBytes = 256 << 20;
constexpr std::string_view kTracepoint = "btf_trace_";

struct Content {
	std::unique_ptr<char[]> data;
	size_t size = 0;
};

int read_whole(Content *out)
{
	int fd = open(kPath, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	struct stat status = {};
	int error = fstat(fd, &status) ? -errno : 0;
	if (!error && (status.st_size <= 0 || status.st_size > kMostBytes))
		error = -EFBIG;
	if (!error) {
		size_t most = static_cast<size_t>(status.st_size);
		out->data.reset(new char[most]);
		while (!error && out->size < most) {
			ssize_t got = read(fd, out->data.get() + out->size, most - out->size);
			if (got == 0)
				break;
			if (got > 0)
				out->size += static_cast<size_t>(got);
			else if (errno != EINTR)
				error = -errno;
		}
	}
	close(fd);
	return error;
}

// Bytes that follow a type; negative for a kind that is newer than this list.
ssize_t length_after(const struct btf_type &type)
{
	ssize_t count = btf_vlen(&type);
	switch (btf_kind(&type)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return count * static_cast<ssize_t>(sizeof(struct btf_member));
	case BTF_KIND_ENUM:
		return count * static_cast<ssize_t>(sizeof(struct btf_enum));
	case BTF_KIND_ENUM64:
		return count * 12;
	case BTF_KIND_FUNC_PROTO:
		return count * static_cast<ssize_t>(sizeof(struct btf_param));
	case BTF_KIND_DATASEC:
		return count * static_cast<ssize_t>(sizeof(struct btf_var_secinfo));
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	default:
		return -1;
	}
}

} // namespace

int find_kernel_types(const std::unordered_set<std::string> &names,
		      std::unordered_map<std::string, uint32_t> *ids)
{
	Content bytes;
	int error = read_whole(&bytes);
	if (error)
		return error;
	struct btf_header header;
	if (bytes.size < sizeof(header))
		return -EINVAL;
	memcpy(&header, bytes.data.get(), sizeof(header));
	size_t types = size_t{header.hdr_len} + header.type_off, end = types + header.type_len;
	size_t strings = size_t{header.hdr_len} + header.str_off;
	if (header.magic != BTF_MAGIC || end > bytes.size || header.str_len == 0 ||
	    strings + header.str_len > bytes.size)
		return -EINVAL;
	const char *text = bytes.data.get() + strings;
	if (text[header.str_len - 1] != '\0')
		return -EINVAL;
	std::unordered_set<std::string_view> wanted(names.begin(), names.end());
	size_t at = types;
	for (uint32_t id = 1; at + sizeof(struct btf_type) <= end; id++) {
		struct btf_type type;
		memcpy(&type, bytes.data.get() + at, sizeof(type));
		ssize_t after = length_after(type);
		if (after < 0)
			return -EOPNOTSUPP;
		at += sizeof(type) + static_cast<size_t>(after);
		if ((!btf_is_func(&type) && !btf_is_typedef(&type)) ||
		    type.name_off >= header.str_len)
			continue;
		std::string_view name = text + type.name_off;
		bool is_tracepoint = name.compare(0, kTracepoint.size(), kTracepoint) == 0;
		if (is_tracepoint == btf_is_typedef(&type) && wanted.count(name))
			ids->emplace(name, id);
	}
	return 0;
}

} // namespace bpfwarden
