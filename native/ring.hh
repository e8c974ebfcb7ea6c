// SPDX-License-Identifier: Apache-2.0
// One BPF ring buffer, read by copying records into the caller's memory.
#pragma once

#include <cstddef>
#include <cstdint>

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
	// Copies bytes at a position, which may go on at the ring's beginning.
	void take(uint8_t *to, size_t from, size_t length) const;

	void *consumer_ = nullptr;      // owned mapping: the reader's position
	void *producer_ = nullptr;      // owned mapping: the kernel's position, and the records
	const uint8_t *data_ = nullptr; // in it
	size_t page_ = 0;
	int fd_ = -1;     // not owned
	size_t size_ = 0; // a power of two
};

uint64_t monotonic_ns();

} // namespace bpfwarden
