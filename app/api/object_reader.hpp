// Reads the members of one JSON object of a request, and remembers the first thing that is wrong with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/object.hpp>

#include "app/api/time_text.hpp"
#include "model/errors.hpp"

namespace turnwise::api {

/// Every getter returns nothing when the member is absent, and also after a fault; `fault()` at the end tells which. Members
/// that no getter asked for are a fault too. Pointers in errors are relative to `base`.
class ObjectReader {
public:
  ObjectReader(const boost::json::object& object, std::string base) : object_(object), base_(std::move(base)) {}

  /// The text of a string member.
  std::optional<std::string_view> text(std::string_view name);
  /// As text; absence is a fault.
  std::string_view required_text(std::string_view name, std::string_view what);
  /// A string member of `bytes_max` at most, without control characters.
  std::optional<std::string_view> short_text(std::string_view name, std::size_t bytes_max);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least, std::int64_t most);
  std::optional<double> decimal(std::string_view name, double least, double most);
  std::optional<milliseconds> duration(std::string_view name, milliseconds least, milliseconds most);
  std::optional<WallTime> time(std::string_view name);
  /// The JSON text of an opaque member (see json::OpaqueMembers).
  std::optional<std::string_view> opaque(std::string_view name, std::size_t bytes_max);
  const boost::json::object* object(std::string_view name);
  const boost::json::array* array(std::string_view name, std::size_t items_max);

  /// Reports a fault of the member unless there is an earlier one.
  void refuse(std::string_view name, std::string detail, model::Errc code = model::Errc::malformed);
  /// Takes over a fault that another reader found.
  void refuse(model::Error error);

  /// The pointer of a member.
  [[nodiscard]] std::string pointer(std::string_view name) const;

  /// @param hint  added to the text about an unknown member: what members there are
  [[nodiscard]] std::optional<model::Error> fault(std::string_view hint) &&;

private:
  const boost::json::value* find(std::string_view name);
  [[nodiscard]] bool was_asked(std::string_view name) const;

  static constexpr std::size_t members_max = 24;

  const boost::json::object& object_;
  std::string base_;
  std::string_view found_[members_max]; // names that getters found
  std::size_t found_count_{};
  std::optional<model::Error> fault_;
};

/// The value of one of a few words.
template <class Value, std::size_t Count>
std::optional<Value> choice(ObjectReader& in, std::string_view name,
                            const std::pair<std::string_view, Value> (&choices)[Count]) {
  const auto text = in.text(name);
  if (!text) {
    return std::nullopt;
  }
  std::string known;
  for (const auto& [word, value] : choices) {
    if (*text == word) {
      return value;
    }
    known.append(known.empty() ? "\"" : ", \"").append(word).append("\"");
  }
  in.refuse(name, std::string{name} + " must be one of " + known);
  return std::nullopt;
}

} // namespace turnwise::api
