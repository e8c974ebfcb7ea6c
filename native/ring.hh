// SPDX-License-Identifier: Apache-2.0
// One BPF ring buffer, read by copying records into the caller's memory.
#pragma once

#include <cstddef>
#include <cstdint>

struct ring_buffer;

namespace bpfwarden
{

// A longer record cannot be one of ours: text offsets are 16 bits.
constexpr size_t kMostRecord = (64 << 10) - 16;
// What a record takes in the copy beyond its bytes: [u32 length][u32 zero], padding to 8.
constexpr size_t kRecordHeader = 8;

struct RingTotals {
	uint64_t records = 0;
	uint64_t bytes = 0;
	uint64_t malformed = 0;
};

class Ring
{
      public:
	Ring() = default;
	Ring(const Ring &) = delete;
	Ring &operator=(const Ring &) = delete;
	~Ring();

	// `fd` belongs to the caller and outlives the ring. Returns 0 or -errno.
	int open(int fd, size_t size);

	struct Copied {
		size_t bytes;
		bool more; // stopped by a bound, not because the ring was empty
	};
	// Copies records until the ring is empty, `limit` bytes are reached or
	// `deadline` (CLOCK_MONOTONIC ns, 0 for none) has passed. The last record
	// may reach beyond `limit` by kMostRecord + kRecordHeader.
	Copied copy(uint8_t *to, size_t limit, uint64_t deadline, RingTotals *totals);

	// Bytes reserved by producers and not yet copied. After a full fence it
	// sees every reservation whose producer has not yet looked at `sleeping`.
	size_t pending() const;
	size_t size() const
	{
		return size_;
	}
	int fd() const
	{
		return fd_;
	}

      private:
	static int on_record(void *self, void *data, size_t length);

	struct ring_buffer *ring_ = nullptr; // owned
	void *consumer_ = nullptr;           // owned mapping: the reader's position
	void *producer_ = nullptr;           // owned mapping: the kernel's position
	size_t page_ = 0;
	size_t size_ = 0;
	int fd_ = -1; // not owned

	// The copy under way.
	uint8_t *to_ = nullptr;
	size_t filled_ = 0;
	size_t limit_ = 0;
	uint64_t deadline_ = 0;
	unsigned count_ = 0;
	RingTotals *totals_ = nullptr;
};

uint64_t monotonic_ns();

} // namespace bpfwarden
