#include "app/logging/logging.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "app/api/time_text.hpp"
#include "app/json/writer.hpp"

namespace turnwise::logging {
namespace {

/// One key=value of a line.
struct Pair {
  std::string_view key;
  std::string_view value;
  bool in_quotes{};
};

/// Whether the text begins with key=.
bool begins_with_key(std::string_view text) {
  const auto equals = text.find('=');
  return equals != std::string_view::npos && equals > 0 &&
         text.substr(0, equals).find_first_of(" \"") == std::string_view::npos;
}

bool is_escaped(std::string_view text, std::size_t at) {
  std::size_t backslashes = 0;
  while (backslashes < at && text[at - backslashes - 1] == '\\') {
    ++backslashes;
  }
  return backslashes % 2 == 1;
}

/// Where a value in quotes ends. It may have quotes of its own, even without a backslash before them: the end is a quote before
/// the next key, or else the last one.
std::size_t closing_quote(std::string_view value) {
  for (auto at = value.find("\" ", 1); at != std::string_view::npos; at = value.find("\" ", at + 1)) {
    if (!is_escaped(value, at) && begins_with_key(value.substr(at + 2))) {
      return at;
    }
  }
  return value.size() > 1 && value.back() == '"' ? value.size() - 1 : value.size();
}

/// Takes the next pair off the front; nothing when the rest is not one.
std::optional<Pair> next_pair(std::string_view& rest) {
  if (!begins_with_key(rest)) {
    return std::nullopt;
  }
  const auto equals = rest.find('=');
  const auto key = rest.substr(0, equals);
  std::string_view value = rest.substr(equals + 1);
  std::size_t taken = 0;
  const bool in_quotes = value.starts_with('"');
  if (in_quotes) {
    const auto end = closing_quote(value);
    taken = std::min(end + 1, value.size());
    value = value.substr(1, end - 1);
  } else {
    value = value.substr(0, std::min(value.find(' '), value.size()));
    taken = value.size();
  }
  rest.remove_prefix(equals + 1 + taken);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return Pair{key, value, in_quotes};
}

std::string escape_controls(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '\\' || text[i + 1] == '"');
    out += text[escape ? ++i : i];
  }
  return out;
}

std::string json_line(std::string_view time, std::string_view level, std::string_view message) {
  std::string_view rest = message.substr(0, message.find_last_not_of(" \n") + 1);
  const auto event = rest.substr(0, std::min(rest.find(' '), rest.size()));
  rest.remove_prefix(std::min(event.size() + 1, rest.size()));
  json::Writer out;
  out.begin_object().member("time", time).member("level", level).member("event", event);
  while (!rest.empty()) {
    const auto pair = next_pair(rest);
    if (!pair) {
      out.member("text", rest);
      break;
    }
    std::string name;
    json::append_string(name, pair->key);
    out.key(std::string_view{name}.substr(1, name.size() - 2))
        .string(pair->in_quotes ? unescaped(pair->value) : std::string{pair->value});
  }
  out.end_object();
  return std::move(out).take();
}

class LineFormatter : public spdlog::formatter {
public:
  explicit LineFormatter(Format format) : format_(format) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto time = api::to_text(std::chrono::time_point_cast<std::chrono::microseconds>(message.time));
    const auto level = spdlog::level::to_string_view(message.level);
    const auto line =
        format_line(format_, time, {level.data(), level.size()}, {message.payload.data(), message.payload.size()});
    out.append(line.data(), line.data() + line.size());
    out.push_back('\n');
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<LineFormatter>(format_); }

private:
  Format format_;
};

} // namespace

std::string format_line(Format format, std::string_view time, std::string_view level, std::string_view message) {
  if (format == Format::json) {
    return json_line(time, level, message);
  }
  return fmt::format("{} {:<7} {}", time, level, escape_controls(message));
}

std::string quoted(std::string_view text) {
  std::string out{'"'};
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out += '"';
}

void set_up(const Options& options) {
  auto logger = std::make_shared<spdlog::logger>("turnwise", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::make_unique<LineFormatter>(format_of(options)));
  logger->set_level(spdlog::level::from_str(options.level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

} // namespace turnwise::logging
