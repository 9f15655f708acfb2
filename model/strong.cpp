// The text form of 128-bit names.
#include "model/strong.hpp"

namespace turnwise::model {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::size_t uuid_length = 36;

constexpr bool is_dash_place(std::size_t place) {
  return place == 8 || place == 13 || place == 18 || place == 23;
}

/// 0 … 15, or a negative number for anything but a hexadecimal digit.
constexpr int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  if (digit >= 'a' && digit <= 'f') {
    return digit - 'a' + 10;
  }
  if (digit >= 'A' && digit <= 'F') {
    return digit - 'A' + 10;
  }
  return -1;
}

} // namespace

std::string to_uuid(const Bits128& bits) {
  std::string text;
  text.reserve(uuid_length);
  for (const std::uint8_t byte : bits) {
    if (is_dash_place(text.size())) {
      text += '-';
    }
    text += hex_digits[byte >> 4U];
    text += hex_digits[byte & 15U];
  }
  return text;
}

Bits128 from_uuid(std::string_view text) {
  if (text.size() != uuid_length) {
    return {};
  }
  Bits128 bits{};
  std::size_t place = 0;
  for (std::uint8_t& byte : bits) {
    if (is_dash_place(place) && text[place++] != '-') {
      return {};
    }
    const int high = hex_value(text[place++]);
    const int low = hex_value(text[place++]);
    if (high < 0 || low < 0) {
      return {};
    }
    byte = static_cast<std::uint8_t>(high * 16 + low);
  }
  return bits;
}

} // namespace turnwise::model
