// Checks the head of a request by the letter of RFC 9112, before a parser that means well sees it: two readers of one byte
// stream (a proxy and this node) must never disagree about where a request ends.
#pragma once

#include <optional>
#include <string_view>

#include "app/http/limits.hpp"
#include "model/errors.hpp"

namespace turnwise::http {

/// @param head  everything up to and including the empty line
/// @returns what is wrong with it: `malformed` or `headers_too_large`. The connection must end then, since nobody knows where
///          the next request begins.
std::optional<model::Error> check_head(std::string_view head, const Limits& limits);

/// Likewise for what follows the last byte of a chunked body: the same rules and limits hold for trailer fields.
/// @param last_chunk  from the end of the line of the chunk before, or from the size of this one, to the empty line
std::optional<model::Error> check_trailer(std::string_view last_chunk, const Limits& limits);

} // namespace turnwise::http
