// SPDX-License-Identifier: Apache-2.0
// Fuzzes the copy of ring records: whatever lengths and contents the other side
// of a ring gives, the copy stays in its memory and is what was given. libbpf is
// played by this file, so that the fuzzer says what it finds in the ring.
#include "../ring.hh"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <bpf/libbpf.h>

namespace
{

struct Record {
	std::vector<uint8_t> bytes;
};

std::vector<Record> records;
size_t next;

void expect(bool holds)
{
	if (!holds)
		abort();
}

} // namespace

struct ring_buffer {
	ring_buffer_sample_fn sample;
	void *context;
};

extern "C" {
struct ring_buffer *ring_buffer__new(int, ring_buffer_sample_fn sample, void *context,
				     const struct ring_buffer_opts *)
{
	return new ring_buffer{sample, context};
}

void ring_buffer__free(struct ring_buffer *ring)
{
	delete ring;
}

// As libbpf does: a negative answer ends the loop, and that record is taken.
int ring_buffer__consume(struct ring_buffer *ring)
{
	int count = 0;
	while (next < records.size()) {
		Record &record = records[next++];
		int result = ring->sample(ring->context, record.bytes.data(), record.bytes.size());
		if (result < 0)
			return result;
		count++;
	}
	return count;
}
}

namespace
{

// Two bytes of length and one of content for each record: long ones cost no input.
void take(const uint8_t *data, size_t size)
{
	records.clear();
	next = 0;
	for (; size >= 3 && records.size() < 64; data += 3, size -= 3) {
		size_t length = static_cast<size_t>(data[0]) << 8 | data[1];
		// Beyond what 16 bits say, as a broken ring could.
		if (data[2] == 0xff)
			length += 3 * bpfwarden::kMostRecord / 4;
		records.push_back({std::vector<uint8_t>(length, data[2])});
	}
}

void check(const uint8_t *at, size_t bytes, size_t from, size_t to)
{
	const uint8_t *end = at + bytes;
	for (size_t index = from; index < to; index++) {
		const std::vector<uint8_t> &given = records[index].bytes;
		if (given.size() < 8 || given.size() > bpfwarden::kMostRecord)
			continue;
		uint32_t head[2];
		expect(at + bpfwarden::kRecordHeader <= end);
		memcpy(head, at, sizeof(head));
		expect(head[0] == given.size() && head[1] == 0);
		expect(memcmp(at + bpfwarden::kRecordHeader, given.data(), given.size()) == 0);
		at += bpfwarden::kRecordHeader + (given.size() + 7) / 8 * 8;
	}
	expect(at == end);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int fd = [] {
		int pages = memfd_create("ring", MFD_CLOEXEC);
		expect(ftruncate(pages, 2 * sysconf(_SC_PAGESIZE)) == 0);
		return pages;
	}();
	if (size < 2)
		return 0;
	const size_t limit = (static_cast<size_t>(data[0]) << 8 | data[1]) + 1;
	take(data + 2, size - 2);
	bpfwarden::Ring ring;
	expect(ring.open(fd, 4096) == 0);
	expect(ring.pending() == 0 && ring.size() == 4096);
	const size_t room = limit + bpfwarden::kMostRecord + bpfwarden::kRecordHeader;
	std::unique_ptr<uint8_t[]> to(new uint8_t[room]);
	bpfwarden::RingTotals totals;
	for (;;) {
		size_t from = next;
		bpfwarden::Ring::Copied copied = ring.copy(to.get(), limit, 0, &totals);
		expect(copied.bytes <= room);
		check(to.get(), copied.bytes, from, next);
		if (!copied.more)
			break;
		expect(next > from);
	}
	expect(next == records.size());
	expect(totals.records + totals.malformed == records.size());
	return 0;
}
