// SPDX-License-Identifier: Apache-2.0
// Fuzzes the copy of ring records: whatever lengths and contents the other side
// of a ring gives, wherever in the ring, the copy stays in its memory and is what
// was given. The kernel is played by this file, in pages of a memfd.
#include "../ring.hh"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

namespace
{

// Room for the longest record that is made here, and a power of two.
constexpr size_t kRing = 256 << 10;
constexpr uint8_t kIsLonger = 0xff, kIsDiscarded = 0xfe;

void expect(bool holds)
{
	if (!holds)
		abort();
}

struct Record {
	size_t length;
	uint8_t content;

	bool discarded() const
	{
		return content == kIsDiscarded;
	}
	bool copied() const
	{
		return !discarded() && length >= 8 && length <= bpfwarden::kMostRecord;
	}
	size_t reserved() const
	{
		return (length + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
	}
};

// Two bytes of length and one of content for each record: long ones cost no input.
std::vector<Record> records_of(const uint8_t *data, size_t size)
{
	std::vector<Record> records;
	for (; size >= 3 && records.size() < 64; data += 3, size -= 3) {
		size_t length = static_cast<size_t>(data[0]) << 8 | data[1];
		// Beyond what 16 bits say, as a broken ring could.
		if (data[2] == kIsLonger)
			length += 3 * bpfwarden::kMostRecord / 4;
		records.push_back({length, data[2]});
	}
	return records;
}

// The ring as the kernel has it: the reader's position, its own, the records.
class Producer
{
      public:
	Producer()
	{
		page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
		fd_ = memfd_create("ring", MFD_CLOEXEC);
		expect(ftruncate(fd_, static_cast<off_t>(2 * page_ + kRing)) == 0);
		void *pages =
		    mmap(nullptr, 2 * page_ + kRing, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
		expect(pages != MAP_FAILED);
		pages_ = static_cast<uint8_t *>(pages);
	}
	int fd() const
	{
		return fd_;
	}
	void begin(unsigned long at)
	{
		*consumer() = *producer() = at;
	}
	size_t read() const
	{
		return *consumer();
	}
	// Whether there was room.
	bool put(const Record &record)
	{
		if (*producer() - *consumer() + record.reserved() > kRing)
			return false;
		uint32_t head[2] = {static_cast<uint32_t>(record.length), 0};
		if (record.discarded())
			head[0] |= BPF_RINGBUF_DISCARD_BIT;
		uint8_t *data = pages_ + 2 * page_;
		size_t first = *producer() & (kRing - 1);
		memcpy(data + first, head, sizeof(head));
		first = (first + sizeof(head)) & (kRing - 1);
		size_t before = record.length < kRing - first ? record.length : kRing - first;
		memset(data + first, record.content, before);
		memset(data, record.content, record.length - before);
		*producer() += record.reserved();
		return true;
	}

      private:
	unsigned long *consumer() const
	{
		return reinterpret_cast<unsigned long *>(pages_);
	}
	unsigned long *producer() const
	{
		return reinterpret_cast<unsigned long *>(pages_ + page_);
	}
	int fd_;
	size_t page_;
	uint8_t *pages_;
};

// Takes a record from the copy and says where the next one is.
const uint8_t *check(const uint8_t *at, const uint8_t *end, const Record &given)
{
	uint32_t head[2];
	if (!given.copied())
		return at;
	expect(at + bpfwarden::kRecordHeader + given.length <= end);
	memcpy(head, at, sizeof(head));
	expect(head[0] == given.length && head[1] == 0);
	at += bpfwarden::kRecordHeader;
	for (size_t index = 0; index < given.length; index++)
		expect(at[index] == given.content);
	return at + (given.length + 7) / 8 * 8;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Producer producer;
	if (size < 2)
		return 0;
	const size_t number = static_cast<size_t>(data[0]) << 8 | data[1];
	const size_t limit = number + 1;
	const std::vector<Record> records = records_of(data + 2, size - 2);
	producer.begin(number * 8);
	bpfwarden::Ring ring;
	expect(ring.open(producer.fd(), kRing) == 0);
	expect(ring.pending() == 0 && ring.size() == kRing);
	const size_t room = limit + bpfwarden::kMostRecord + bpfwarden::kRecordHeader;
	std::unique_ptr<uint8_t[]> to(new uint8_t[room]);
	bpfwarden::RingTotals totals;
	size_t put = 0, taken = 0, discarded = 0, position = producer.read();
	while (taken < records.size()) {
		while (put < records.size() && producer.put(records[put]))
			put++;
		bpfwarden::Ring::Copied copied = ring.copy(to.get(), limit, 0, &totals);
		expect(copied.bytes <= room);
		expect(producer.read() > position);
		const uint8_t *at = to.get(), *end = at + copied.bytes;
		for (; position < producer.read(); taken++) {
			at = check(at, end, records[taken]);
			discarded += records[taken].discarded();
			position += records[taken].reserved();
		}
		expect(at == end && position == producer.read());
		expect(copied.more || ring.pending() == 0);
	}
	expect(totals.records + totals.malformed + discarded == records.size());
	return 0;
}
