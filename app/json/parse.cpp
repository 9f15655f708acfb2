// Boost.JSON's event parser does the grammar; the handler here adds what it leaves open, and keeps opaque members as text.
#include "app/json/parse.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <string>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value_stack.hpp>
#include <fmt/format.h>

#include "app/json/writer.hpp"

namespace turnwise::json {
namespace {

using boost::json::error_code;
using boost::json::string_view;

bool is_opaque(std::string_view key) {
  return key == "payload" || key == "result" || key == "metadata";
}

class Handler {
public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;

  Handler(std::string_view source, OpaqueMembers opaque) : source_(source), opaque_(opaque) {
    values_.reset(
        boost::json::make_shared_resource<boost::json::monotonic_resource>(std::max<std::size_t>(source.size(), 512)));
  }

  boost::json::value release() { return values_.release(); }
  [[nodiscard]] const std::string& fault() const { return fault_; }
  [[nodiscard]] model::Errc fault_code() const { return fault_code_; }

  /// Where the parser is now.
  [[nodiscard]] std::string pointer() const {
    std::string pointer;
    for (const Frame& frame : frames_) {
      if (frame.array) {
        fmt::format_to(std::back_inserter(pointer), "/{}", frame.count);
      } else if (frame.count > 0) {
        append_pointer_token(pointer, keys_[frame.first_key + frame.count - 1]);
      }
    }
    return pointer;
  }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }

  bool on_object_begin(error_code& ec) { return open('{', false, ec); }
  bool on_array_begin(error_code& ec) { return open('[', true, ec); }

  bool on_object_end(std::size_t count, error_code& ec) {
    if (!check_duplicates(ec)) {
      return false;
    }
    keys_.resize(frames_.back().first_key);
    frames_.pop_back();
    if (keeping_text_) {
      text_ += '}';
    } else {
      values_.push_object(count);
    }
    return end_value();
  }

  bool on_array_end(std::size_t count, error_code&) {
    frames_.pop_back();
    if (keeping_text_) {
      text_ += ']';
    } else {
      values_.push_array(count);
    }
    return end_value();
  }

  bool on_key_part(string_view part, std::size_t, error_code&) {
    parts_.append(part.data(), part.size());
    return true;
  }
  bool on_string_part(string_view part, std::size_t, error_code&) {
    parts_.append(part.data(), part.size());
    return true;
  }

  bool on_key(string_view last, std::size_t, error_code& ec) {
    Frame& frame = frames_.back();
    ++frame.count;
    keys_.push_back(keep(whole(last)));
    parts_.clear();
    const std::string_view key = keys_.back();
    if (has_nul(key, ec)) {
      return false;
    }
    if (keeping_text_) {
      if (frame.count > 1) {
        text_ += ',';
      }
      append_string(text_, key);
      text_ += ':';
      return true;
    }
    values_.push_key(key);
    if (frames_.size() == opaque_.depth && is_opaque(key)) {
      keeping_text_ = true;
      text_.clear();
    }
    return true;
  }

  bool on_string(string_view last, std::size_t, error_code& ec) {
    const std::string_view value = whole(last);
    if (has_nul(value, ec)) {
      return false;
    }
    if (!begin_value(ec)) {
      return false;
    }
    if (keeping_text_) {
      append_string(text_, value);
    } else {
      values_.push_string(value);
    }
    parts_.clear();
    return end_value();
  }

  bool on_number_part(string_view part, error_code&) {
    parts_.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t value, string_view last, error_code& ec) {
    return literal(whole(last), ec, [&] { values_.push_int64(value); });
  }
  bool on_uint64(std::uint64_t value, string_view last, error_code& ec) {
    return literal(whole(last), ec, [&] { values_.push_uint64(value); });
  }
  bool on_double(double value, string_view last, error_code& ec) {
    if (!std::isfinite(value)) {
      return refuse("a number is out of range: at most 1.7976931348623157e308 in size; send larger ones as strings", ec);
    }
    return literal(whole(last), ec, [&] { values_.push_double(value); });
  }

  bool on_bool(bool value, error_code& ec) {
    return literal(value ? "true" : "false", ec, [&] { values_.push_bool(value); });
  }
  bool on_null(error_code& ec) {
    return literal("null", ec, [&] { values_.push_null(); });
  }

  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

private:
  struct Frame {
    bool array{};
    std::size_t first_key{}; ///< in keys_
    std::size_t count{};     ///< keys seen of an object, values ended of an array
  };

  bool open(char bracket, bool array, error_code& ec) {
    if (!begin_value(ec)) {
      return false;
    }
    if (keeping_text_) {
      text_ += bracket;
    }
    frames_.push_back({array, keys_.size(), 0});
    return true;
  }

  bool begin_value(error_code& ec) {
    if (keeping_text_) {
      if (frames_.size() > opaque_.depth && frames_.back().array && frames_.back().count > 0) {
        text_ += ',';
      }
      return true;
    }
    if (!frames_.empty() && frames_.back().array && frames_.back().count >= array_items_max) {
      return refuse(fmt::format("an array may have {} items", array_items_max), ec, model::Errc::too_large);
    }
    if (++values_count_ > values_max) {
      return refuse(fmt::format("a document may have {} values", values_max), ec, model::Errc::too_large);
    }
    return true;
  }

  bool end_value() {
    if (!frames_.empty() && frames_.back().array) {
      ++frames_.back().count;
    }
    if (keeping_text_ && frames_.size() == opaque_.depth) {
      keeping_text_ = false;
      values_.push_string(text_);
    }
    return true;
  }

  template <class Push>
  bool literal(std::string_view text, error_code& ec, Push push) {
    if (!begin_value(ec)) {
      return false;
    }
    if (keeping_text_) {
      text_ += text;
    } else {
      push();
    }
    parts_.clear();
    return end_value();
  }

  [[nodiscard]] std::string_view whole(string_view last) {
    if (parts_.empty()) {
      return {last.data(), last.size()};
    }
    parts_.append(last.data(), last.size());
    return parts_;
  }

  /// A key that needs no unescaping lies in the source; any other is copied.
  [[nodiscard]] std::string_view keep(std::string_view key) {
    const auto inside = std::less_equal<>{}(source_.data(), key.data()) &&
                        std::less_equal<>{}(key.data() + key.size(), source_.data() + source_.size());
    return inside ? key : std::string_view{copies_.emplace_back(key)};
  }

  bool has_nul(std::string_view text, error_code& ec) {
    if (text.empty() || std::memchr(text.data(), 0, text.size()) == nullptr) {
      return false;
    }
    refuse("\\u0000 is not allowed in a string: databases and programs cut texts there", ec);
    return true;
  }

  /// By sorting, so that no choice of keys makes it slow.
  bool check_duplicates(error_code& ec) {
    const Frame& frame = frames_.back();
    sorted_.assign(keys_.begin() + static_cast<std::ptrdiff_t>(frame.first_key), keys_.end());
    std::sort(sorted_.begin(), sorted_.end());
    const auto twice = std::adjacent_find(sorted_.begin(), sorted_.end());
    if (twice == sorted_.end()) {
      return true;
    }
    keys_.back() = *twice; // the pointer is to name the key that occurs twice
    return refuse("the key occurs twice in one object", ec);
  }

  bool refuse(std::string_view fault, error_code& ec, model::Errc code = model::Errc::malformed) {
    fault_ = fault;
    fault_code_ = code;
    ec = boost::json::error::syntax;
    return false;
  }

  std::string_view source_;
  OpaqueMembers opaque_;
  boost::json::value_stack values_;
  std::vector<Frame> frames_;
  std::vector<std::string_view> keys_; // of all open objects
  std::vector<std::string_view> sorted_;
  std::deque<std::string> copies_;
  std::string parts_; // of the string or number that is being read
  std::string text_;  // of the opaque member that is being read
  bool keeping_text_{};
  std::size_t values_count_{};
  std::string fault_;
  model::Errc fault_code_{model::Errc::malformed};
};

std::string explain(const error_code& ec, std::size_t offset, std::size_t levels_max) {
  if (ec == boost::json::error::too_deep) {
    return fmt::format("nested deeper than {} levels, at byte {}", levels_max, offset);
  }
  return fmt::format("not valid JSON at byte {}: {}", offset, ec.message());
}

} // namespace

void append_pointer_token(std::string& pointer, std::string_view key) {
  pointer += '/';
  for (char c : key) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
}

model::Result<boost::json::value> parse(std::string_view text, OpaqueMembers opaque, std::size_t levels_max) {
  boost::json::parse_options options;
  options.max_depth = levels_max;
  boost::json::basic_parser<Handler> parser(options, text, opaque);
  error_code ec;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
  Handler& handler = parser.handler();
  if (!handler.fault().empty()) {
    return model::Error{handler.fault_code(), handler.fault(), handler.pointer()};
  }
  if (ec) {
    return model::Error{model::Errc::malformed, explain(ec, read, levels_max), handler.pointer()};
  }
  if (read < text.size()) {
    return model::Error{model::Errc::malformed, fmt::format("bytes follow the end of the JSON document, at byte {}", read), ""};
  }
  return handler.release();
}

} // namespace turnwise::json
