// Header fields that carry meaning for the API.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/errors.hpp"
#include "model/strong.hpp"

namespace turnwise::api {

/// `Prefer: wait=20` in seconds (RFC 7240), at most `most`. Other preferences are ignored, as that RFC asks; so is a bad one.
std::optional<std::chrono::seconds> prefer_wait(std::string_view prefer, std::chrono::seconds most);

/// The value of Idempotency-Key: a structured-field string in quotes, or the bare key.
model::Result<std::string> idempotency_key(std::string_view field);

/// The fencing token of If-Match, in quotes as ETag gave it. 428 when there is none, 400 when it cannot be one.
model::Result<model::FencingToken> if_match(std::string_view field);

/// The `traceparent` that a request's jobs carry on; empty when there is none that can be one.
std::string traceparent(std::string_view field);

/// The revision of a kind in If-Match, in quotes as ETag gave it; nothing when there is no such field.
model::Result<std::optional<std::uint64_t>> if_match_revision(std::string_view field);

/// Whether a Content-Type is application/json, with no parameter but charset=utf-8.
bool is_json(std::string_view content_type);

} // namespace turnwise::api
