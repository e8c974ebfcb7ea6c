// SPDX-License-Identifier: Apache-2.0
// The exports (native/addon.d.ts describes them) that need the object or the
// reader, and the life of the one of each in an environment.
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <napi.h>

#include "arguments.hh"
#include "log.hh"
#include "memory.hh"
#include "object.hh"
#include "process.hh"
#include "reader.hh"

namespace bpfwarden
{

namespace
{

class Addon : public Napi::Addon<Addon>
{
      public:
	Addon(Napi::Env env, Napi::Object exports) : env_(env)
	{
		DefineAddon(exports,
			    {
				InstanceMethod("open", &Addon::open),
				InstanceMethod("programs", &Addon::programs),
				InstanceMethod("setKnob", &Addon::set_knob),
				InstanceMethod("setMapEntries", &Addon::set_map_entries),
				InstanceMethod("setAutoload", &Addon::set_autoload),
				InstanceMethod("beginLoad", &Addon::begin_load),
				InstanceMethod("load", &Addon::load),
				InstanceMethod("tryHook", &Addon::named<&Object::try_hook>),
				InstanceMethod("openTrial", &Addon::named<&Object::open_trial>),
				InstanceMethod("trial", &Addon::trial),
				InstanceMethod("attach", &Addon::attach),
				InstanceMethod("detach", &Addon::named<&Object::detach>),
				InstanceMethod("mapInfo", &Addon::map_info),
				InstanceMethod("readMap", &Addon::read_map),
				InstanceMethod("writeMap", &Addon::write_map),
				InstanceMethod("mapMemory", &Addon::map_memory),
				InstanceMethod("readIterator", &Addon::read_iterator),
				InstanceMethod("start", &Addon::start),
				InstanceMethod("drain", &Addon::drain),
				InstanceMethod("ringStats", &Addon::ring_stats),
				InstanceMethod("enableStatistics", &Addon::enable_statistics),
				InstanceMethod("trimMemory", &Addon::trim_memory),
				InstanceMethod("close", &Addon::close),
			    });
		export_process(env, exports);
		// At the end of a worker or of the process, before the environment's
		// loop goes: stops the reader and detaches the programs.
		env.AddCleanupHook([](Addon *self) { self->shut(); }, this);
	}

      private:
	using Info = const Napi::CallbackInfo &;

	Napi::Value status(int value) const
	{
		return Napi::Number::New(env_, value);
	}

	// A copy that JavaScript owns.
	Napi::Value array(const std::vector<uint8_t> &data) const
	{
		auto result = Napi::Uint8Array::New(env_, data.size());
		if (!result.IsEmpty() && !data.empty())
			std::copy(data.begin(), data.end(), result.Data());
		return result;
	}

	Napi::Value open(Info info)
	{
		std::string path;
		if (!text(info, 0, &path))
			return status(-EINVAL);
		collect_log();
		return status(object_.open(path));
	}

	Napi::Value programs(Info)
	{
		std::vector<ProgramInfo> list;
		int error = object_.programs(&list);
		if (error)
			return status(error);
		auto result = Napi::Array::New(env_, list.size());
		for (size_t i = 0; i < list.size(); i++) {
			auto item = Napi::Object::New(env_);
			item.Set("name", list[i].name);
			item.Set("section", list[i].section);
			item.Set("autoload", Napi::Boolean::New(env_, list[i].autoload));
			item.Set("available", Napi::Boolean::New(env_, list[i].available));
			item.Set("fd", Napi::Number::New(env_, list[i].fd));
			result.Set(static_cast<uint32_t>(i), item);
		}
		return result;
	}

	Napi::Value set_knob(Info info)
	{
		std::string name;
		Bytes value;
		if (!text(info, 0, &name) || !bytes(info, 1, &value) || !value.given)
			return status(-EINVAL);
		return status(object_.set_knob(name, value));
	}

	Napi::Value set_map_entries(Info info)
	{
		std::string map;
		double entries;
		if (!text(info, 0, &map) || !integer(info[1], 1, UINT32_MAX, &entries))
			return status(-EINVAL);
		return status(object_.set_map_entries(map, static_cast<uint32_t>(entries)));
	}

	Napi::Value set_autoload(Info info)
	{
		std::string program;
		if (!text(info, 0, &program) || !info[1].IsBoolean())
			return status(-EINVAL);
		return status(object_.set_autoload(program, info[1].As<Napi::Boolean>().Value()));
	}

	Napi::Value begin_load(Info)
	{
		return status(object_.begin_load());
	}

	Napi::Value load(Info)
	{
		return status(object_.load());
	}

	// A call of the object with one text.
	template <int (Object::*call)(const std::string &)> Napi::Value named(Info info)
	{
		std::string name;
		return status(text(info, 0, &name) ? (object_.*call)(name) : -EINVAL);
	}

	Napi::Value trial(Info)
	{
		std::vector<Refusal> refusals;
		int error = object_.trial(&refusals);
		if (error)
			return status(error);
		auto result = Napi::Array::New(env_, refusals.size());
		for (size_t i = 0; i < refusals.size(); i++) {
			auto item = Napi::Object::New(env_);
			item.Set("program", refusals[i].program);
			item.Set("error", Napi::Number::New(env_, refusals[i].error));
			item.Set("log", refusals[i].log);
			result.Set(static_cast<uint32_t>(i), item);
		}
		return result;
	}

	Napi::Value attach(Info info)
	{
		std::string program, cgroup;
		if (!text(info, 0, &program) || (!info[1].IsUndefined() && !text(info, 1, &cgroup)))
			return status(-EINVAL);
		return status(object_.attach(program, cgroup));
	}

	Napi::Value map_info(Info info)
	{
		std::string name;
		MapShape map;
		int error = text(info, 0, &name) ? object_.shape(name, &map) : -EINVAL;
		if (error)
			return status(error);
		auto result = Napi::Object::New(env_);
		result.Set("type", Napi::Number::New(env_, map.type));
		result.Set("keySize", Napi::Number::New(env_, map.key_size));
		result.Set("valueSize", Napi::Number::New(env_, map.value_size));
		result.Set("maxEntries", Napi::Number::New(env_, map.max_entries));
		result.Set("copies", Napi::Number::New(env_, map.copies));
		return result;
	}

	Napi::Value read_map(Info info)
	{
		std::string map;
		Bytes key;
		std::vector<uint8_t> data;
		int error = text(info, 0, &map) && bytes(info, 1, &key)
				? object_.read(map, key, &data)
				: -EINVAL;
		return error ? status(error) : array(data);
	}

	Napi::Value write_map(Info info)
	{
		std::string map;
		Bytes keys, values;
		if (info.Length() < 3 || !text(info, 0, &map) || !bytes(info, 1, &keys) ||
		    !bytes(info, 2, &values))
			return status(-EINVAL);
		return status(object_.write(map, keys, values));
	}

	Napi::Value map_memory(Info info)
	{
		std::string map;
		Object::Memory memory;
		int error = text(info, 0, &map) ? object_.memory(map, &memory) : -EINVAL;
		if (error)
			return status(error);
		auto found = views_.find(map);
		if (found != views_.end())
			return found->second.Value();
		// The mapping outlives the ArrayBuffer: close() detaches it first.
		auto view = Napi::ArrayBuffer::New(env_, memory.address, memory.size);
		if (view.IsEmpty())
			return status(-ENOTSUP);
		views_.emplace(map, Napi::Reference<Napi::ArrayBuffer>::New(view, 1));
		return view;
	}

	Napi::Value read_iterator(Info info)
	{
		std::string program;
		std::vector<uint8_t> data;
		int error =
		    text(info, 0, &program) ? object_.read_iterator(program, &data) : -EINVAL;
		return error ? status(error) : array(data);
	}

	Napi::Value start(Info info)
	{
		if (!object_.is_open())
			return status(-EBADF);
		if (!object_.is_loaded())
			return status(-EAGAIN);
		if (reader_)
			return status(-EALREADY);
		ReaderOptions options;
		double bulk_bytes = static_cast<double>(options.bulk_bytes);
		if (!info[0].IsFunction() || !info[1].IsArrayBuffer() ||
		    (!info[2].IsUndefined() && !integer(info[2], 4096, 1 << 30, &bulk_bytes)))
			return status(-EINVAL);
		options.bulk_bytes = static_cast<size_t>(bulk_bytes);

		MapShape bulk, priority;
		int error = object_.shape("bulk_ring", &bulk);
		if (!error)
			error = object_.shape("priority_ring", &priority);
		if (error)
			return status(error);
		auto buffer = info[1].As<Napi::ArrayBuffer>();
		if (buffer.ByteLength() < Reader::needed(options, priority.max_entries))
			return status(-EINVAL);
		Object::Memory state = {nullptr, 0};
		error = object_.memory("reader_state", &state);
		if (error && error != -ENOENT)
			return status(error);

		auto reader = std::make_shared<Reader>(env_, options);
		error = reader->start(bulk.fd, bulk.max_entries, priority.fd, priority.max_entries,
				      static_cast<uint32_t *>(state.address),
				      info[0].As<Napi::Function>(), buffer);
		if (!error)
			reader_ = reader;
		return status(error);
	}

	// Before start there is no reader: the state says which error it is.
	int reader_error()
	{
		return object_.is_open() ? -EAGAIN : -EBADF;
	}

	Napi::Value drain(Info)
	{
		return status(reader_ ? reader_->drain_now() : reader_error());
	}

	Napi::Value ring_stats(Info)
	{
		if (!reader_)
			return status(reader_error());
		reader_->look();
		auto result = Napi::Object::New(env_);
		auto set = [&](const char *name, uint64_t value) {
			result.Set(name, Napi::Number::New(env_, static_cast<double>(value)));
		};
		set("drains", reader_->reader_totals().drains);
		set("wakeups", reader_->reader_totals().wakeups);
		set("records", reader_->totals().records);
		set("bytes", reader_->totals().bytes);
		set("malformed", reader_->totals().malformed);
		set("bulkPending", reader_->bulk().pending());
		set("bulkSize", reader_->bulk().size());
		set("priorityPending", reader_->priority().pending());
		set("prioritySize", reader_->priority().size());
		return result;
	}

	Napi::Value enable_statistics(Info)
	{
		return status(object_.enable_statistics());
	}

	Napi::Value trim_memory(Info)
	{
		give_memory_back();
		return status(0);
	}

	Napi::Value close(Info)
	{
		for (auto &[name, view] : views_) {
			Napi::ArrayBuffer buffer = view.Value();
			if (!buffer.IsEmpty())
				buffer.Detach();
		}
		shut();
		return status(0);
	}

	// Order matters: the reader uses the maps' descriptors and memory.
	void shut()
	{
		if (reader_) {
			// The running callback's drain() holds its own reference.
			reader_->stop();
			reader_.reset();
		}
		views_.clear();
		object_.close();
	}

	Napi::Env env_;
	Object object_;
	std::shared_ptr<Reader> reader_;
	std::map<std::string, Napi::Reference<Napi::ArrayBuffer>> views_;
};

} // namespace

NODE_API_NAMED_ADDON(bpfwarden, Addon)

} // namespace bpfwarden
