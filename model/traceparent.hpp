// The header of W3C Trace Context by which a trace goes on through a job: stored with it and handed to every worker.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace turnwise::model {

/// How long one is.
inline constexpr std::size_t traceparent_bytes = 55;

/// What is to be carried on of a `traceparent`, as version 00: "00-" trace id "-" parent id "-" flags, of which only `sampled`
/// is known. Nothing when it is none; the standard asks to go on without a trace then.
std::optional<std::string> carried_traceparent(std::string_view text);

} // namespace turnwise::model
