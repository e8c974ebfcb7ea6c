// SPDX-License-Identifier: Apache-2.0
// Drains the two rings on Node's event loop: no thread, one JavaScript call per
// drain.
//
// Awake, a timer begins each drain and the kernel wakes nobody (a wake-up costs
// the traced process up to 10 us). After several empty looks, and after a little
// was read as long as that is seldom, the reader sleeps:
// it stores 1 in `sleeping`, a full fence, looks at the rings once more, and
// waits in poll. A producer submits its record, then a full fence (the atomic
// exchange of the commit is one), then reads `sleeping` and wakes the reader if
// it is set. One of the two therefore always sees the other.
#pragma once

#include <cstdint>
#include <memory>

#include <napi.h>
#include <uv.h>

#include "ring.hh"

namespace bpfwarden
{

struct ReaderOptions {
	size_t bulk_bytes = 1 << 20;
	uint64_t drain_ns = 2000000;
	uint64_t busy_ms = 1;
	uint64_t idle_ms = 5;
};

struct ReaderTotals {
	uint64_t drains = 0;
	uint64_t wakeups = 0;
};

class Reader : public std::enable_shared_from_this<Reader>
{
      public:
	Reader(Napi::Env env, const ReaderOptions &options);
	Reader(const Reader &) = delete;
	Reader &operator=(const Reader &) = delete;
	~Reader();

	static size_t needed(const ReaderOptions &options, size_t priority_size);

	// `sleeping` may be null; else it stays valid until stop(). Returns 0 or -errno.
	int start(int bulk_fd, size_t bulk_size, int priority_fd, size_t priority_size,
		  uint32_t *sleeping, Napi::Function callback, Napi::ArrayBuffer buffer);
	// Callable at any time, also from the callback; the rings are unmapped at
	// once, the loop handles when the loop says so.
	void stop();
	// Wakes up if something is in the rings: to be called now and then, against a
	// wake-up that could not be sent.
	void look();
	// Drains once; -EALREADY from inside the callback.
	int drain_now();

	bool in_callback() const
	{
		return in_callback_;
	}
	const Ring &bulk() const
	{
		return bulk_;
	}
	const Ring &priority() const
	{
		return priority_;
	}
	const RingTotals &totals() const
	{
		return totals_;
	}
	const ReaderTotals &reader_totals() const
	{
		return reader_totals_;
	}

      private:
	struct Handles; // outlives the reader: libuv frees them in the next turn

	static void on_timer(uv_timer_t *timer);
	static void on_again(uv_idle_t *idle);
	static void on_poll(uv_poll_t *poll, int status, int events);

	bool drain(bool *more, size_t *bytes);
	void call(size_t bulk_bytes, size_t priority_bytes);
	void turn();
	void awake(uint64_t milliseconds);
	void sleep();
	bool early();
	void set_sleeping(uint32_t value);

	Napi::Env env_;
	ReaderOptions options_;
	Ring bulk_;
	Ring priority_;
	RingTotals totals_;
	ReaderTotals reader_totals_;
	uint32_t *sleeping_ = nullptr; // in the kernel's array; not owned
	Napi::FunctionReference callback_;
	Napi::Reference<Napi::ArrayBuffer> buffer_;
	std::unique_ptr<Napi::AsyncContext> context_;
	Handles *handles_ = nullptr; // frees itself after stop()
	uint64_t interval_ms_ = 1;
	unsigned empty_looks_ = 0;
	uint64_t woken_at_ = 0;    // records read before the last wake-up
	uint64_t early_since_ = 0; // milliseconds
	unsigned early_sleeps_ = 0;
	bool polling_ = false;
	bool in_callback_ = false;
	bool stopped_ = false;
	bool unfinished_ = false; // the callback has not taken all that it was given
};

} // namespace bpfwarden
