// Writes one JSON object into a string, member by member, without building a tree: the journal's detail column is written
// hundreds of thousands of times a second. Reading is left to Boost.JSON.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace turnwise::storage {

/// An object without members leaves no text at all. Nested objects are added when they are complete.
class JsonObject {
public:
  /// @param out  cleared, then written to; must outlive this object
  explicit JsonObject(std::string& out) : out_(out) { out_.clear(); }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  template <std::integral Number>
  void add(std::string_view name, Number value) {
    member(name);
    char digits[24];
    out_.append(digits, std::to_chars(std::begin(digits), std::end(digits), value).ptr);
  }

  void add(std::string_view name, std::string_view text) {
    member(name);
    append_quoted(text);
  }

  /// @param json  a JSON text
  void add_json(std::string_view name, std::string_view json) {
    member(name);
    out_.append(json);
  }

  void close() {
    if (!out_.empty()) {
      out_.push_back('}');
    }
  }

private:
  void member(std::string_view name) { out_.append(out_.empty() ? "{\"" : ",\"").append(name).append("\":"); }

  void append_quoted(std::string_view text) {
    static constexpr std::string_view hex = "0123456789abcdef";
    out_.push_back('"');
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out_.push_back('\\');
        out_.push_back(c);
      } else if (byte < 0x20) {
        out_.append("\\u00").append({hex[byte >> 4U], hex[byte & 15U]});
      } else {
        out_.push_back(c);
      }
    }
    out_.push_back('"');
  }

  std::string& out_;
};

} // namespace turnwise::storage
