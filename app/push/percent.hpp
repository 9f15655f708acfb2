// Texts of users in header fields, which carry ASCII only.
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace turnwise::push {

/// Bytes other than visible ASCII, and the percent sign, as %XX: `artifact:1` stays as it is.
inline std::string percent_encoded(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (c > ' ' && c <= '~' && c != '%') {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

} // namespace turnwise::push
