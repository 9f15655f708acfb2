// app/ is the edges of a node. app/json reads and writes JSON the strict way: what two readers could understand differently
// (duplicate keys, lone surrogates, numbers out of range, bytes after the end) is refused, not guessed at.
#pragma once

#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "model/errors.hpp"

namespace turnwise::json {

/// Deepest nesting of a document, counted from 1.
inline constexpr std::size_t depth_max = 64;

/// Items of one array, and values of a document in all, but for those that stay text: what no request of the API passes. A text
/// of a few bytes per value would take thirty times as much memory.
inline constexpr std::size_t array_items_max = 10'000;
inline constexpr std::size_t values_max = 1'000'000;

/// Which members stay text. A member named `payload`, `result` or `metadata` of an object at `depth` becomes a string that
/// holds the compact JSON text of its value: every number as it was written, members in their order, only white space and
/// needless escapes gone. Such values belong to the user; nothing here may interpret them.
struct OpaqueMembers {
  std::size_t depth{1}; ///< 1: of the document itself; 3: of the objects in an array that is a member of the document
};

/// Parses one document. Thread-safe; takes time and memory in proportion to the text.
/// @param levels_max  deepest nesting that is taken
/// @returns the value, or `too_large` or `malformed` with a JSON pointer to the fault. The value owns its memory.
model::Result<boost::json::value> parse(std::string_view text, OpaqueMembers opaque = {}, std::size_t levels_max = depth_max);

/// Appends "/" and the key to a JSON pointer, escaped as RFC 6901 says.
void append_pointer_token(std::string& pointer, std::string_view key);

} // namespace turnwise::json
