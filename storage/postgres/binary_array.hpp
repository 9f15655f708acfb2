// A PostgreSQL array in the binary form of its wire protocol. As a parameter it needs no quoting whatever its texts hold, and
// neither side formats or parses a number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <pqxx/pqxx>
#include <string>
#include <string_view>

namespace turnwise::storage::postgres {

/// Object ids of element types, from PostgreSQL's pg_type.dat: fixed for ever.
enum class ElementType : std::uint32_t { int8 = 20, int2 = 21, text = 25, json = 114, timestamptz = 1184 };

/// One dimension, numbered from 1. Values are added in order; bytes() then gives the whole array.
class BinaryArray {
public:
  explicit BinaryArray(ElementType type) : type_(type) { clear(); }

  /// Empties the array and keeps its memory, up to a bound: one batch of large payloads must not stay for ever.
  void clear() {
    if (buffer_.capacity() > kept_bytes_max) {
      buffer_ = {};
    }
    buffer_.clear();
    count_ = 0;
    nulls_ = 0;
    for (int i = 0; i < header_words; ++i) {
      put(std::uint32_t{0});
    }
  }

  void add(std::int16_t value) { add_number(static_cast<std::uint16_t>(value)); }
  void add(std::int64_t value) { add_number(static_cast<std::uint64_t>(value)); }
  void add(std::string_view text) {
    ++count_;
    put(static_cast<std::uint32_t>(text.size()));
    buffer_.append(text);
  }
  void add_null() {
    ++count_;
    nulls_ = 1;
    put(~std::uint32_t{0});
  }
  /// NULL when the text is empty.
  void add_or_null(std::string_view text) {
    if (text.empty()) {
      add_null();
    } else {
      add(text);
    }
  }

  /// Valid until the array changes.
  [[nodiscard]] pqxx::bytes_view bytes() {
    set(0, count_ == 0 ? 0 : 1); // dimensions: an empty array has none
    set(1, nulls_);
    set(2, static_cast<std::uint32_t>(type_));
    set(3, count_);
    set(4, 1); // the first element's number
    const auto size = count_ == 0 ? 3 * sizeof(std::uint32_t) : buffer_.size();
    return {reinterpret_cast<const std::byte*>(buffer_.data()), size};
  }

private:
  static constexpr int header_words = 5;
  static constexpr std::size_t kept_bytes_max = std::size_t{4} << 20U;

  template <class Word>
  static std::array<char, sizeof(Word)> big_endian(Word word) {
    std::array<char, sizeof(Word)> bytes;
    for (std::size_t i = 0; i < sizeof(Word); ++i) {
      bytes[i] = static_cast<char>(word >> (8 * (sizeof(Word) - 1 - i)));
    }
    return bytes;
  }
  template <class Word>
  void put(Word word) {
    const auto bytes = big_endian(word);
    buffer_.append(bytes.data(), bytes.size());
  }
  template <class Word>
  void add_number(Word word) {
    ++count_;
    put(std::uint32_t{sizeof(Word)});
    put(word);
  }
  void set(std::size_t index, std::uint32_t word) {
    const auto bytes = big_endian(word);
    std::memcpy(buffer_.data() + index * bytes.size(), bytes.data(), bytes.size());
  }

  ElementType type_;
  std::uint32_t count_{};
  std::uint32_t nulls_{};
  std::string buffer_;
};

} // namespace turnwise::storage::postgres
