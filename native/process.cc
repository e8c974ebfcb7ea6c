// SPDX-License-Identifier: Apache-2.0
#include "process.hh"

#include <cerrno>
#include <string>

#include "arguments.hh"
#include "canary.hh"
#include "capabilities.hh"
#include "log.hh"
#include "notify.hh"
#include "own-pid.hh"
#include "pidfd.hh"

namespace bpfwarden
{

namespace
{

using Info = const Napi::CallbackInfo &;

Napi::Value status(Info info, int value)
{
	return Napi::Number::New(info.Env(), value);
}

Napi::Value pidfd_signal_(Info info)
{
	double pid, signal, ticks;
	if (!integer(info[0], 1, INT32_MAX, &pid) || !integer(info[1], 0, 64, &signal) ||
	    !integer(info[2], 0, 9007199254740991.0, &ticks))
		return status(info, -EINVAL);
	return status(info, pidfd_signal(static_cast<int>(pid), static_cast<int>(signal),
					 static_cast<uint64_t>(ticks)));
}

Napi::Value notify_(Info info)
{
	std::string socket, message;
	if (!text(info, 0, &socket) || !text(info, 1, &message))
		return status(info, -EINVAL);
	return status(info, notify(socket, message));
}

Napi::Value canary_(Info info)
{
	std::string kind, path;
	if (!text(info, 0, &kind) || !text(info, 1, &path))
		return status(info, -EINVAL);
	return status(info, canary(kind, path.c_str()));
}

Napi::Value own_pid_(Info info)
{
	return status(info, own_pid());
}

Napi::Value drop_capabilities_(Info info)
{
	if (!info[0].IsBigInt())
		return status(info, -EINVAL);
	bool lossless = false;
	uint64_t keep = info[0].As<Napi::BigInt>().Uint64Value(&lossless);
	return status(info, lossless ? drop_capabilities(keep) : -EINVAL);
}

Napi::Value take_log_(Info info)
{
	return Napi::String::New(info.Env(), take_log());
}

} // namespace

void export_process(Napi::Env env, Napi::Object exports)
{
	auto set = [&](const char *name, Napi::Value (*function)(Info)) {
		exports.Set(name, Napi::Function::New(env, function, name));
	};
	set("pidfdSignal", pidfd_signal_);
	set("notify", notify_);
	set("canary", canary_);
	set("ownPid", own_pid_);
	set("dropCapabilities", drop_capabilities_);
	set("takeLog", take_log_);
}

} // namespace bpfwarden
