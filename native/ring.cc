// SPDX-License-Identifier: Apache-2.0
#include "ring.hh"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/libbpf.h>

namespace bpfwarden
{

namespace
{

constexpr int kStop = -ECANCELED; // from on_record: the record is taken, the loop ends

uint64_t position(const void *page)
{
	return __atomic_load_n(static_cast<const unsigned long *>(page), __ATOMIC_ACQUIRE);
}

} // namespace

uint64_t monotonic_ns()
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1000000000ull +
	       static_cast<uint64_t>(now.tv_nsec);
}

Ring::~Ring()
{
	if (ring_)
		ring_buffer__free(ring_);
	if (consumer_)
		munmap(consumer_, page_);
	if (producer_)
		munmap(producer_, page_);
}

int Ring::open(int fd, size_t size)
{
	page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
	size_ = size;
	fd_ = fd;
	ring_ = ring_buffer__new(fd, on_record, this, nullptr);
	if (!ring_)
		return -errno;
	// libbpf 1.1 does not tell how full a ring is; the positions are in its
	// first two pages.
	void *page = mmap(nullptr, page_, PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	consumer_ = page;
	page = mmap(nullptr, page_, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(page_));
	if (page == MAP_FAILED)
		return -errno;
	producer_ = page;
	return 0;
}

size_t Ring::pending() const
{
	return position(producer_) - position(consumer_);
}

// libbpf 1.1 has no ring_buffer__consume_n: a negative value ends its loop, and
// the record it was called with counts as consumed, so it is copied first.
int Ring::on_record(void *context, void *data, size_t length)
{
	auto *self = static_cast<Ring *>(context);
	if (length < 8 || length > kMostRecord) {
		self->totals_->malformed++;
		return 0;
	}
	uint8_t *at = self->to_ + self->filled_;
	const uint32_t head[2] = {static_cast<uint32_t>(length), 0};
	memcpy(at, head, sizeof(head));
	memcpy(at + kRecordHeader, data, length);
	self->filled_ += kRecordHeader + (length + 7) / 8 * 8;
	self->totals_->records++;
	self->totals_->bytes += length;
	if (self->filled_ >= self->limit_)
		return kStop;
	// The clock costs as much as a copy: it is read for every 64th record.
	if (self->deadline_ && (++self->count_ & 63) == 0 && monotonic_ns() >= self->deadline_)
		return kStop;
	return 0;
}

Ring::Copied Ring::copy(uint8_t *to, size_t limit, uint64_t deadline, RingTotals *totals)
{
	to_ = to;
	filled_ = 0;
	limit_ = limit;
	deadline_ = deadline;
	totals_ = totals;
	int result = ring_buffer__consume(ring_);
	to_ = nullptr;
	return {filled_, result == kStop};
}

} // namespace bpfwarden
