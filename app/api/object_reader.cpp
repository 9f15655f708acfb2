#include "app/api/object_reader.hpp"

#include <algorithm>
#include <iterator>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "app/json/parse.hpp"

namespace turnwise::api {
namespace {

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

} // namespace

std::string ObjectReader::pointer(std::string_view name) const {
  std::string pointer = base_;
  json::append_pointer_token(pointer, name);
  return pointer;
}

void ObjectReader::refuse(std::string_view name, std::string detail, model::Errc code) {
  if (!fault_) {
    fault_ = model::Error{code, std::move(detail), pointer(name)};
  }
}

void ObjectReader::refuse(model::Error error) {
  if (!fault_) {
    fault_ = std::move(error);
  }
}

const boost::json::value* ObjectReader::find(std::string_view name) {
  if (fault_) {
    return nullptr;
  }
  const boost::json::value* value = object_.if_contains(name);
  if (value != nullptr && found_count_ < members_max && !was_asked(name)) {
    found_[found_count_++] = name;
  }
  return value;
}

bool ObjectReader::was_asked(std::string_view name) const {
  return std::find(found_, found_ + found_count_, name) != found_ + found_count_;
}

std::optional<std::string_view> ObjectReader::text(std::string_view name) {
  const auto* value = find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (const auto* string = value->if_string()) {
    return std::string_view{string->data(), string->size()};
  }
  refuse(name, fmt::format("{} must be a string", name));
  return std::nullopt;
}

std::string_view ObjectReader::required_text(std::string_view name, std::string_view what) {
  const auto found = text(name);
  if (!found) {
    refuse(name, fmt::format("{} is missing: {}", name, what));
  }
  return found.value_or(std::string_view{});
}

std::optional<std::string_view> ObjectReader::short_text(std::string_view name, std::size_t bytes_max) {
  const auto found = text(name);
  if (found && (found->empty() || found->size() > bytes_max || has_control(*found))) {
    refuse(name, fmt::format("{} must have 1 to {} bytes and no control characters", name, bytes_max));
    return std::nullopt;
  }
  return found;
}

std::optional<bool> ObjectReader::boolean(std::string_view name) {
  const auto* value = find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (const auto* flag = value->if_bool()) {
    return *flag;
  }
  refuse(name, fmt::format("{} must be true or false", name));
  return std::nullopt;
}

std::optional<std::int64_t> ObjectReader::integer(std::string_view name, std::int64_t least, std::int64_t most) {
  const auto* value = find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (const auto* number = value->if_int64(); number != nullptr && *number >= least && *number <= most) {
    return *number;
  }
  refuse(name, fmt::format("{} must be a whole number from {} to {}", name, least, most));
  return std::nullopt;
}

std::optional<double> ObjectReader::decimal(std::string_view name, double least, double most) {
  const auto* value = find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->is_number()) {
    const auto number = value->to_number<double>();
    if (number >= least && number <= most) {
      return number;
    }
  }
  refuse(name, fmt::format("{} must be a number from {} to {}", name, least, most));
  return std::nullopt;
}

std::optional<milliseconds> ObjectReader::duration(std::string_view name, milliseconds least, milliseconds most) {
  const auto* value = find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  const auto* string = value->if_string();
  const auto parsed = string != nullptr ? parse_duration({string->data(), string->size()}) : std::nullopt;
  if (!parsed) {
    refuse(name, fmt::format("{} must be {}", name, duration_form));
    return std::nullopt;
  }
  if (*parsed < least || *parsed > most) {
    refuse(name, fmt::format("{} must be from {} to {}", name, to_text(least), to_text(most)));
    return std::nullopt;
  }
  return parsed;
}

std::optional<WallTime> ObjectReader::time(std::string_view name) {
  const auto* value = find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  const auto* string = value->if_string();
  const auto parsed = string != nullptr ? parse_time({string->data(), string->size()}) : std::nullopt;
  if (!parsed) {
    refuse(name, fmt::format("{} must be {}", name, time_form));
  }
  return parsed;
}

std::optional<std::string_view> ObjectReader::opaque(std::string_view name, std::size_t bytes_max) {
  const auto json = text(name);
  if (json && json->size() > bytes_max) {
    refuse(name,
           fmt::format("{} has {} bytes; at most {} are taken: store it elsewhere and send a reference", name, json->size(),
                       bytes_max),
           model::Errc::too_large);
    return std::nullopt;
  }
  return json;
}

const boost::json::object* ObjectReader::object(std::string_view name) {
  const auto* value = find(name);
  if (value == nullptr) {
    return nullptr;
  }
  if (value->is_object()) {
    return &value->get_object();
  }
  refuse(name, fmt::format("{} must be an object", name));
  return nullptr;
}

const boost::json::array* ObjectReader::array(std::string_view name, std::size_t items_max) {
  const auto* value = find(name);
  if (value == nullptr) {
    return nullptr;
  }
  if (!value->is_array()) {
    refuse(name, fmt::format("{} must be an array", name));
    return nullptr;
  }
  if (value->get_array().size() > items_max) {
    refuse(name, fmt::format("{} has {} items; at most {} are taken at once", name, value->get_array().size(), items_max),
           model::Errc::too_large);
    return nullptr;
  }
  return &value->get_array();
}

std::optional<model::Error> ObjectReader::fault(std::string_view hint) && {
  if (fault_ || object_.size() == found_count_) {
    return std::move(fault_);
  }
  for (const auto& member : object_) {
    const std::string_view name{member.key().data(), member.key().size()};
    if (!was_asked(name)) {
      return model::Error{model::Errc::malformed, fmt::format("unknown member {}; {}", name, hint), pointer(name)};
    }
  }
  return std::nullopt;
}

} // namespace turnwise::api
