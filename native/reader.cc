// SPDX-License-Identifier: Apache-2.0
#include "reader.hh"

#include <algorithm>
#include <cerrno>

namespace bpfwarden
{

namespace
{

constexpr unsigned kEmptyLooks = 4; // before sleeping
constexpr uint64_t kFew = 8;        // records since a wake-up after which one look is enough
constexpr uint64_t kGuardMilliseconds =
    10000; // looks while asleep, against a wake-up that could not be sent
// After a little the reader sleeps at once: what follows wakes it,
// where a look would come after a millisecond or more. Only so often in a window:
// each of these wake-ups costs a traced process up to 10 us.
constexpr size_t kLittle = 8 << 10; // bytes in one drain
constexpr unsigned kEarlySleeps = 40;
constexpr uint64_t kEarlyWindow = 100; // milliseconds
constexpr size_t kMuch = 128 << 10;    // bytes in one drain that call for the shortest interval

} // namespace

struct Reader::Handles {
	uv_timer_t timer;
	uv_idle_t again; // runs once in the next turn of the loop
	uv_poll_t bulk;
	uv_poll_t priority;
	int open = 0;
	Reader *reader = nullptr; // null after stop()

	static void closed(uv_handle_t *handle)
	{
		auto *self = static_cast<Handles *>(handle->data);
		if (--self->open == 0)
			delete self;
	}
	void close(uv_handle_t *handle)
	{
		handle->data = this;
		uv_close(handle, closed);
	}
};

Reader::Reader(Napi::Env env, const ReaderOptions &options) : env_(env), options_(options)
{
}

Reader::~Reader()
{
	stop();
}

size_t Reader::needed(const ReaderOptions &options, size_t priority_size)
{
	return options.bulk_bytes + priority_size + 2 * (kMostRecord + 16);
}

int Reader::start(int bulk_fd, size_t bulk_size, int priority_fd, size_t priority_size,
		  uint32_t *sleeping, Napi::Function callback, Napi::ArrayBuffer buffer)
{
	int error = bulk_.open(bulk_fd, bulk_size);
	if (!error)
		error = priority_.open(priority_fd, priority_size);
	if (error)
		return error;
	uv_loop_t *loop = nullptr;
	if (napi_get_uv_event_loop(env_, &loop) != napi_ok)
		return -ENOTSUP;

	auto handles = std::make_unique<Handles>();
	handles->reader = this;
	uv_timer_init(loop, &handles->timer); // always succeeds
	handles->timer.data = handles.get();
	uv_idle_init(loop, &handles->again); // likewise
	handles->again.data = handles.get();
	handles->open = 2;
	error = uv_poll_init(loop, &handles->bulk, bulk_fd);
	if (!error) {
		handles->bulk.data = handles.get();
		handles->open = 3;
		error = uv_poll_init(loop, &handles->priority, priority_fd);
	}
	if (!error) {
		handles->priority.data = handles.get();
		handles->open = 4;
	}
	handles_ = handles.release();
	if (error) {
		stop();
		return error;
	}
	sleeping_ = sleeping;
	callback_ = Napi::Persistent(callback);
	buffer_ = Napi::Reference<Napi::ArrayBuffer>::New(buffer, 1);
	context_ = std::make_unique<Napi::AsyncContext>(env_, "bpfwarden");
	interval_ms_ = options_.busy_ms;
	awake(0);
	return 0;
}

void Reader::stop()
{
	if (stopped_)
		return;
	stopped_ = true;
	set_sleeping(0);
	sleeping_ = nullptr;
	if (handles_) {
		Handles *handles = handles_;
		handles_ = nullptr;
		handles->reader = nullptr;
		const int open = handles->open;
		handles->close(reinterpret_cast<uv_handle_t *>(&handles->timer));
		handles->close(reinterpret_cast<uv_handle_t *>(&handles->again));
		if (open > 2)
			handles->close(reinterpret_cast<uv_handle_t *>(&handles->bulk));
		if (open > 3)
			handles->close(reinterpret_cast<uv_handle_t *>(&handles->priority));
	}
	callback_.Reset();
	buffer_.Reset();
	// The context belongs to the call under way when stop() comes from inside
	// the callback; it goes with the reader then.
	if (!in_callback_)
		context_.reset();
}

void Reader::set_sleeping(uint32_t value)
{
	if (sleeping_)
		__atomic_store_n(sleeping_, value, __ATOMIC_SEQ_CST);
}

void Reader::awake(uint64_t milliseconds)
{
	if (polling_) {
		uv_poll_stop(&handles_->bulk);
		uv_poll_stop(&handles_->priority);
		polling_ = false;
	}
	// Not a timer of 0 ms: before libuv 1.48 one that starts itself anew runs
	// again in the same turn, and nothing else ever does.
	if (milliseconds == 0) {
		uv_timer_stop(&handles_->timer);
		uv_idle_start(&handles_->again, on_again);
	} else {
		uv_timer_start(&handles_->timer, on_timer, milliseconds, 0);
	}
}

void Reader::sleep()
{
	if (!sleeping_) {
		awake(options_.idle_ms);
		return;
	}
	set_sleeping(1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (bulk_.pending() != 0 || priority_.pending() != 0) {
		set_sleeping(0);
		awake(options_.busy_ms);
		return;
	}
	// A record submitted from here on finds sleeping == 1.
	uv_poll_start(&handles_->bulk, UV_READABLE, on_poll);
	uv_poll_start(&handles_->priority, UV_READABLE, on_poll);
	polling_ = true;
	uv_timer_start(&handles_->timer, on_timer, kGuardMilliseconds, 0);
}

// One drain and one call. False when the reader was stopped meanwhile.
//
// Bulk first, then priority to its end: a priority record that is older than a
// copied bulk record was submitted before the bulk copy ended, so it is in the
// same call and the two can be merged by time. At most prioritySize bytes were
// there at that moment; the bound only leaves out what came later.
bool Reader::drain(bool *more, size_t *bytes)
{
	if (unfinished_) {
		*bytes = 0;
		call(0, 0);
		*more = true;
		return !stopped_;
	}
	Napi::ArrayBuffer buffer = buffer_.Value();
	auto *data = static_cast<uint8_t *>(buffer.Data());
	// JavaScript may have transferred the buffer away: then there is no room.
	if (!data || buffer.ByteLength() < needed(options_, priority_.size())) {
		*more = false;
		*bytes = 0;
		return true;
	}
	Ring::Copied first =
	    bulk_.copy(data, options_.bulk_bytes, monotonic_ns() + options_.drain_ns, &totals_);
	Ring::Copied second = priority_.copy(data + first.bytes, priority_.size(), 0, &totals_);
	*more = first.more || second.more;
	*bytes = first.bytes + second.bytes;
	if (*bytes == 0)
		return true;

	reader_totals_.drains++;
	call(first.bytes, second.bytes);
	*more = *more || unfinished_;
	return !stopped_;
}

// Plain N-API: where the environment is being terminated (a worker's end) every
// call may fail, and node-addon-api would end the process for it.
void Reader::call(size_t bulk_bytes, size_t priority_bytes)
{
	napi_value receiver, callback, sizes[2], answer;
	unfinished_ = false;
	if (napi_get_global(env_, &receiver) != napi_ok ||
	    napi_get_reference_value(env_, callback_, &callback) != napi_ok ||
	    napi_create_double(env_, static_cast<double>(bulk_bytes), &sizes[0]) != napi_ok ||
	    napi_create_double(env_, static_cast<double>(priority_bytes), &sizes[1]) != napi_ok)
		return;
	in_callback_ = true;
	// Not napi_call_function: promises and nextTick run when this one returns.
	napi_status status =
	    napi_make_callback(env_, *context_, receiver, callback, 2, sizes, &answer);
	in_callback_ = false;
	// Anything but true, and a stop from inside, ends it.
	if (status == napi_ok && napi_get_value_bool(env_, answer, &unfinished_) != napi_ok)
		unfinished_ = false;
	napi_value error;
	if (status == napi_pending_exception &&
	    napi_get_and_clear_last_exception(env_, &error) == napi_ok)
		napi_fatal_exception(env_, error);
}

// Whether the reader may sleep at once, which takes one of the window's chances.
bool Reader::early()
{
	uint64_t now = monotonic_ns() / 1000000;
	if (now - early_since_ >= kEarlyWindow) {
		early_since_ = now;
		early_sleeps_ = 0;
	}
	if (early_sleeps_ >= kEarlySleeps)
		return false;
	early_sleeps_++;
	return true;
}

// What the timer and a wake-up do: drain, then decide when to look again.
void Reader::turn()
{
	std::shared_ptr<Reader> alive = shared_from_this();
	Napi::HandleScope scope(env_);
	set_sleeping(0);
	bool more = false;
	size_t bytes = 0;
	if (!drain(&more, &bytes))
		return;
	if (more) {
		// The next turn of the loop: HTTP and timers come in between.
		empty_looks_ = 0;
		interval_ms_ = options_.busy_ms;
		awake(0);
	} else if (bytes != 0 && bytes < kLittle && early()) {
		empty_looks_ = 0;
		interval_ms_ = options_.busy_ms;
		sleep();
	} else if (bytes != 0) {
		empty_looks_ = 0;
		interval_ms_ = bytes >= kMuch ? options_.busy_ms
					      : std::min(interval_ms_ * 2, options_.idle_ms);
		awake(interval_ms_);
	} else if (++empty_looks_ < (totals_.records - woken_at_ < kFew ? 1 : kEmptyLooks)) {
		interval_ms_ = std::min(interval_ms_ * 2, options_.idle_ms);
		awake(interval_ms_);
	} else {
		interval_ms_ = options_.busy_ms;
		sleep();
	}
}

void Reader::on_timer(uv_timer_t *timer)
{
	auto *handles = static_cast<Handles *>(timer->data);
	if (handles->reader)
		handles->reader->turn();
}

void Reader::on_again(uv_idle_t *idle)
{
	auto *handles = static_cast<Handles *>(idle->data);
	uv_idle_stop(idle);
	if (handles->reader)
		handles->reader->turn();
}

void Reader::on_poll(uv_poll_t *poll, int, int)
{
	auto *handles = static_cast<Handles *>(poll->data);
	// Both polls may report in one turn of the loop; the first one has drained.
	if (!handles->reader || !handles->reader->polling_)
		return;
	handles->reader->reader_totals_.wakeups++;
	handles->reader->woken_at_ = handles->reader->totals_.records;
	handles->reader->empty_looks_ = 0;
	handles->reader->turn();
}

void Reader::look()
{
	if (polling_ && (bulk_.pending() != 0 || priority_.pending() != 0)) {
		set_sleeping(0);
		awake(0);
	}
}

int Reader::drain_now()
{
	if (in_callback_)
		return -EALREADY;
	std::shared_ptr<Reader> alive = shared_from_this();
	bool more = false;
	size_t bytes = 0;
	drain(&more, &bytes);
	return more ? 1 : 0;
}

} // namespace bpfwarden
