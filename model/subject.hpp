// Subjects: what is a valid one, and which shard it belongs to.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/errors.hpp"
#include "model/record.hpp"
#include "model/strong.hpp"

namespace turnwise::model {

/// `type:id`, 1 to 255 bytes of UTF-8 without control characters. The error says what is wrong.
Result<Done> check_subject(std::string_view subject);
/// 1 to 128 bytes of printable UTF-8 without control characters.
Result<Done> check_kind(std::string_view kind);
/// Whether the bytes are well-formed UTF-8 (no overlong forms, no surrogates, nothing past U+10FFFF).
bool is_utf8(std::string_view bytes);
/// The text with every malformed sequence and NUL replaced by U+FFFD, cut at a character border to at most `bytes_max`.
std::string to_utf8(std::string_view bytes, std::size_t bytes_max);

/// (first 8 bytes of SHA-256 of the subject, big-endian) mod shard_count: the same in SQL, see migrations/.
ShardId shard_of(std::string_view subject, std::uint16_t shard_count);
/// First 8 bytes of SHA-256.
Fingerprint fingerprint_of(std::string_view text);

} // namespace turnwise::model
