/* SPDX-License-Identifier: (Apache-2.0 OR GPL-2.0) */
/* Names: their hashes, and the masks of the tokens in names and strings. */
#include "filter.bpf.h"
#include "repeat.bpf.h"

/* A function of its own, so that the key is off the stack while a name is hashed. */
__noinline __u64 token_found(__u64 hash, __u32 type, __u32 generation)
{
	return filter_token(hash, type, generation);
}

static __always_inline __u64 token_mask(struct filter_table *table, __u64 hash,
					enum filter_token_type type, __u32 generation)
{
	__u64 bit = ((hash + type) * 0x9e3779b97f4a7c15ull) >> 48;

	if (!(table->bloom[bit >> 6 & (BLOOM_WORDS - 1)] >> (bit & 63) & 1))
		return 0;
	return token_found(hash, type, generation);
}

/* So many bytes in one turn of a loop: a turn costs as much as five. */
enum { HASH_BYTES = 8 };

static __noinline long hash_step(__u32 i, void *context)
{
	__u32 level = *(__u32 *)context, at = i * HASH_BYTES, length;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 hash;

	if (!p)
		return 1;
	hash = p->step.hash;
	length = p->step.hash_length;
	for (int byte = 0; byte < HASH_BYTES && at < length; byte++, at++)
		hash = fnv_fold(hash, p->name[at & (NAME_BYTES - 1)]);
	p->step.hash = hash;
	return at >= length;
}

/*
 * Global functions: the verifier looks at each once, not at every call.
 */
/* Of path_scratch.name[0 .. length), ASCII letters in lower case, so that a rule that ignores case
 * needs one token. */
__noinline __u64 component_hash(__u32 level, __u32 length)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);

	if (!p)
		return 0;
	p->step.hash_length = length;
	p->step.hash = FNV_OFFSET;
	repeat(NAME_BYTES / HASH_BYTES, hash_step, &level);
	return p->step.hash;
}

/* The same of `length` bytes, a constant, from another place. */
static __always_inline __u64 part_hash(struct path_scratch *p, __u32 from, const __u32 length)
{
	__u64 hash = FNV_OFFSET;

	for (__u32 i = 0; i < length; i++)
		hash = fnv_fold(hash, p->name[(from + i) & (NAME_BYTES - 1)]);
	return hash;
}

__noinline __u64 component_mask(__u32 level, __u32 length, __u32 generation)
{
	struct filter_table *table = bpf_map_lookup_elem(&filter_tables, &generation);
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	__u64 mask = 0;
	__u32 types;

	if (!table || !p)
		return EVERY_CLASS;
	types = table->types;
	mask = token_mask(table, p->hash, TOKEN_COMPONENT, generation);
	if (p->name[0] == '.')
		mask |= table->hidden;
	if (length < 4)
		return mask;
	if (types & (1 << TOKEN_PREFIX4))
		mask |= token_mask(table, part_hash(p, 0, 4), TOKEN_PREFIX4, generation);
	if (types & (1 << TOKEN_SUFFIX4))
		mask |= token_mask(table, part_hash(p, length - 4, 4), TOKEN_SUFFIX4, generation);
	if (length < 8)
		return mask;
	if (types & (1 << TOKEN_PREFIX8))
		mask |= token_mask(table, part_hash(p, 0, 8), TOKEN_PREFIX8, generation);
	if (types & (1 << TOKEN_SUFFIX8))
		mask |= token_mask(table, part_hash(p, length - 8, 8), TOKEN_SUFFIX8, generation);
	return mask;
}

/* Of a directory in the root: path_scratch[level].hash is that of its name. */
__noinline __u64 first_mask(__u32 level, __u32 generation)
{
	struct filter_table *table = bpf_map_lookup_elem(&filter_tables, &generation);
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);

	if (!table || !p)
		return EVERY_CLASS;
	return token_mask(table, p->hash, TOKEN_FIRST, generation);
}

struct string_context {
	__u32 level;
	__u32 at;
	__u32 end;
};

/* Some bytes of a component: step.length is its length once its end was met. */
static __noinline long component_step(__u32 i, void *context)
{
	struct string_context *string = context;
	__u32 level = string->level, to = i * HASH_BYTES;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct scratch *s = bpf_map_lookup_elem(&scratch, &level);
	__u64 hash;

	if (!p || !s)
		return 1;
	hash = p->hash;
	for (int byte = 0; byte < HASH_BYTES; byte++, to++) {
		__u32 from = string->at + to;
		char c;

		barrier_var(from);
		if (from >= RECORD_BYTES)
			return 1;
		c = s->bytes[from];
		if (from >= string->end || c == '/') {
			p->hash = hash;
			p->step.length = to;
			return 1;
		}
		p->name[to & (NAME_BYTES - 1)] = c;
		hash = fnv_fold(hash, c);
	}
	p->hash = hash;
	return 0;
}

/*
 * Copies the component at scratch[level].bytes[at .. end) into
 * path_scratch[level].name, hashed on the way; its length, or NAME_BYTES if it
 * is too long.
 */
__noinline __u32 string_component(__u32 level, __u32 at, __u32 end)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct string_context string = {level, at, end};

	if (!p)
		return NAME_BYTES;
	p->hash = FNV_OFFSET;
	p->step.length = NAME_BYTES;
	repeat(NAME_BYTES / HASH_BYTES, component_step, &string);
	return p->step.length;
}

static __noinline long string_step(__u32 i, void *context)
{
	struct walk_context *walk = context;
	__u32 level = walk->level, size;
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);

	if (!p)
		return 1;
	size = string_component(level, p->step.from, p->step.end);
	if (size >= NAME_BYTES)
		return 1;
	if (size)
		p->step.mask |= component_mask(level, size, walk->generation) |
				first_mask(level, walk->generation);
	p->step.from += size + 1;
	p->step.result = p->step.from >= p->step.end;
	return p->step.result != 0;
}

/*
 * A name longer than 255 bytes is nothing that the kernel would take, and more
 * than 128 components nothing that we walk; both pass.
 */
__noinline __u64 string_mask(__u32 level, __u32 offset, __u32 length, __u32 generation)
{
	struct path_scratch *p = bpf_map_lookup_elem(&path_scratch, &level);
	struct walk_context walk = {level, generation};

	if (!p)
		return EVERY_CLASS;
	p->step.from = offset;
	p->step.end = offset + length;
	p->step.mask = p->step.result = 0;
	repeat(PATH_MAX_COMPONENTS, string_step, &walk);
	return p->step.result ? p->step.mask : EVERY_CLASS;
}
