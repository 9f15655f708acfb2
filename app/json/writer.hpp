// Writes compact JSON into one string.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace turnwise::json {

/// Appends `text` (UTF-8) as a JSON string, quotes included.
void append_string(std::string& out, std::string_view text);

/// Knows where commas go, nothing else: calls must nest as the document does. Names must need no escaping.
class Writer {
public:
  Writer& begin_object() { return open('{'); }
  Writer& end_object() { return close('}'); }
  Writer& begin_array() { return open('['); }
  Writer& end_array() { return close(']'); }

  /// Begins a member; its value is written next.
  Writer& key(std::string_view name);

  Writer& string(std::string_view text);
  Writer& boolean(bool value) { return raw(value ? "true" : "false"); }
  Writer& null() { return raw("null"); }
  template <std::integral Number>
  Writer& number(Number value) {
    return raw(std::to_string(value));
  }
  Writer& number(double value);
  /// JSON text as it is.
  Writer& raw(std::string_view json);

  Writer& member(std::string_view name, std::string_view text) { return key(name).string(text); }
  Writer& member(std::string_view name, const char* text) { return key(name).string(text); }
  Writer& member(std::string_view name, bool value) { return key(name).boolean(value); }
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) Writer& member(std::string_view name, Number value) { return key(name).number(value); }

  [[nodiscard]] std::string take() && { return std::move(out_); }

private:
  Writer& open(char bracket);
  Writer& close(char bracket);
  void comma();

  std::string out_;
  bool comma_{}; ///< a value has ended at this level
};

} // namespace turnwise::json
