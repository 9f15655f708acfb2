// Hashes and text forms of bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace turnwise::git_history {

std::string sha256_hex(std::string_view bytes);

/// The id that git gives to a blob of these bytes.
/// @param like  an id of the same repository: 40 hexadecimal digits mean SHA-1, 64 mean SHA-256
std::string blob_id(std::string_view content, std::string_view like);

std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

/// For people: everything that is not printable ASCII or well-formed UTF-8 as \ooo, quotes around what needs them, as git does.
std::string quoted_path(std::string_view path);

} // namespace turnwise::git_history
