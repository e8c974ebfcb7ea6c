// SPDX-License-Identifier: Apache-2.0
// From JavaScript's arguments to C++ values. False: the argument has the wrong
// type or size, and the call answers -EINVAL.
#pragma once

#include <cmath>
#include <string>

#include <napi.h>

#include "object.hh"

namespace bpfwarden
{

inline bool text(const Napi::CallbackInfo &info, size_t index, std::string *out)
{
	if (!info[index].IsString())
		return false;
	*out = info[index].As<Napi::String>().Utf8Value();
	// A NUL would name something else than JavaScript sees.
	return out->find('\0') == std::string::npos;
}

// Null and undefined leave `out` as it is: nothing is given.
inline bool bytes(const Napi::CallbackInfo &info, size_t index, Bytes *out)
{
	const Napi::Value value = info[index];
	if (value.IsNull() || value.IsUndefined())
		return true;
	if (!value.IsTypedArray() ||
	    value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
		return false;
	auto array = value.As<Napi::Uint8Array>();
	*out = {array.Data(), array.ByteLength(), true};
	return true;
}

inline bool integer(const Napi::Value &value, double least, double most, double *out)
{
	if (!value.IsNumber())
		return false;
	*out = value.As<Napi::Number>().DoubleValue();
	return *out >= least && *out <= most && std::floor(*out) == *out;
}

} // namespace bpfwarden
