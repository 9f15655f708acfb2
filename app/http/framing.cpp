#include "app/http/framing.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "app/text.hpp"

namespace turnwise::http {
namespace {

using model::Errc;
using model::Error;

constexpr std::size_t length_digits_max = 15;

/// Fields of which a second one would be read differently by different readers.
enum class Single { content_length, transfer_encoding, host, content_type, idempotency_key, authorization, expect, none };
constexpr std::array<std::string_view, 7> single_names{"content-length",  "transfer-encoding", "host",  "content-type",
                                                       "idempotency-key", "authorization",     "expect"};

Error malformed(std::string detail) {
  return {Errc::malformed, std::move(detail), ""};
}

bool is_token_char(char c) {
  static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || marks.find(c) != std::string_view::npos;
}

bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Single single_of(std::string_view name) {
  for (std::size_t i = 0; i < single_names.size(); ++i) {
    if (equal_ignoring_case(name, single_names[i])) {
      return static_cast<Single>(i);
    }
  }
  return Single::none;
}

class HeadCheck {
public:
  explicit HeadCheck(const Limits& limits) : limits_(limits) {}

  std::optional<Error> run(std::string_view head) {
    if (head.size() > limits_.head_bytes_max) {
      return Error{Errc::headers_too_large, fmt::format("the head of a request may have {} bytes", limits_.head_bytes_max), ""};
    }
    bool first = true;
    while (!head.empty()) {
      const auto end = head.find('\n');
      if (end == std::string_view::npos || end == 0 || head[end - 1] != '\r') {
        return malformed("every line of the head must end with CR LF");
      }
      const auto line = head.substr(0, end - 1);
      head.remove_prefix(end + 1);
      if (line.empty()) {
        break;
      }
      if (auto fault = first ? request_line(line) : field_line(line)) {
        return fault;
      }
      first = false;
    }
    return whole();
  }

  /// The last chunk, whose lines are its size and the trailer fields.
  std::optional<Error> run_trailer(std::string_view chunk) {
    if (chunk.size() > limits_.head_bytes_max) {
      return Error{Errc::headers_too_large, fmt::format("a trailer may have {} bytes", limits_.head_bytes_max), ""};
    }
    if (chunk.starts_with("\r\n")) { // the end of the chunk before
      chunk.remove_prefix(2);
    }
    for (bool size_line = true; !chunk.empty(); size_line = false) {
      const auto end = std::min(chunk.find("\r\n"), chunk.size());
      const auto line = chunk.substr(0, end);
      chunk.remove_prefix(std::min(end + 2, chunk.size()));
      if (size_line || line.empty()) {
        continue;
      }
      if (auto fault = field_line(line)) {
        return fault;
      }
    }
    return std::nullopt;
  }

private:
  std::optional<Error> request_line(std::string_view line) {
    if (line.size() > limits_.request_line_bytes_max) {
      return Error{Errc::headers_too_large, fmt::format("the request line may have {} bytes", limits_.request_line_bytes_max),
                   ""};
    }
    if (std::any_of(line.begin(), line.end(), [](char c) { return is_control(c) || c == '\t'; })) {
      return malformed("the request line has a control character");
    }
    http_1_0_ = line.ends_with(" HTTP/1.0");
    if (!http_1_0_ && !line.ends_with(" HTTP/1.1")) {
      return malformed("this server speaks HTTP/1.1");
    }
    return std::nullopt;
  }

  std::optional<Error> field_line(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t') {
      return malformed("a header field may not go on in the next line");
    }
    if (++fields_ > limits_.fields_max) {
      return Error{Errc::headers_too_large, fmt::format("a request may have {} header fields", limits_.fields_max), ""};
    }
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    if (colon == std::string_view::npos || name.empty() || !std::all_of(name.begin(), name.end(), is_token_char)) {
      return malformed("a header field is a name, a colon right after it, and a value");
    }
    const auto value = trim(line.substr(colon + 1));
    if (std::any_of(value.begin(), value.end(), is_control)) {
      return malformed("a header field has a control character");
    }
    return single(single_of(name), value);
  }

  std::optional<Error> single(Single field, std::string_view value) {
    if (field == Single::none) {
      return std::nullopt;
    }
    if (std::exchange(seen_[static_cast<std::size_t>(field)], true)) {
      return malformed(fmt::format("the header field {} occurs twice", single_names[static_cast<std::size_t>(field)]));
    }
    if (field == Single::content_length && (!all_digits(value) || value.size() > length_digits_max)) {
      return malformed("Content-Length must be a decimal number");
    }
    if (field == Single::transfer_encoding && value != "chunked") {
      return malformed("the only Transfer-Encoding is chunked");
    }
    return std::nullopt;
  }

  /// What only the head as a whole shows.
  [[nodiscard]] std::optional<Error> whole() const {
    if (seen(Single::transfer_encoding) && (seen(Single::content_length) || http_1_0_)) {
      return malformed("Transfer-Encoding goes neither with Content-Length nor with HTTP/1.0");
    }
    if (!http_1_0_ && !seen(Single::host)) {
      return malformed("HTTP/1.1 needs the header field Host");
    }
    return std::nullopt;
  }

  [[nodiscard]] bool seen(Single field) const { return seen_[static_cast<std::size_t>(field)]; }

  const Limits& limits_;
  std::array<bool, single_names.size()> seen_{};
  std::size_t fields_{};
  bool http_1_0_{};
};

} // namespace

std::optional<model::Error> check_head(std::string_view head, const Limits& limits) {
  return HeadCheck(limits).run(head);
}

std::optional<model::Error> check_trailer(std::string_view last_chunk, const Limits& limits) {
  return HeadCheck(limits).run_trailer(last_chunk);
}

} // namespace turnwise::http
