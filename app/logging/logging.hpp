// app/logging: one line per thing that happened. The event comes first, then key=value; values with spaces, and those that
// somebody else chose, are in quotes.
// Lines about a job name it and its subject; payloads and tokens never stand in a line.
#pragma once

#include <string>
#include <string_view>

namespace turnwise::logging {

enum class Format {
  text, ///< for a person: time, level, the line as it was written
  json, ///< for a machine: one object per line with time, level, event and the keys as members
};

struct Options {
  std::string format{"text"}; ///< "text" or "json"
  std::string level{"info"};  ///< "debug", "info", "warn" or "error"
};

/// The format of this name.
inline Format format_of(const Options& options) {
  return options.format == "json" ? Format::json : Format::text;
}

/// A text as the value of a key: in quotes, with quotes and backslashes within it escaped, so that it can neither end early nor
/// pass for another key. Control characters are escaped with the whole line.
std::string quoted(std::string_view text);

/// Makes spdlog's default logger write to stderr this way. Every line is written at once. To be called before threads log.
void set_up(const Options& options);

/// What the line of an event looks like in a format. Control characters in it are escaped, so that a line stays a line.
std::string format_line(Format format, std::string_view time, std::string_view level, std::string_view message);

} // namespace turnwise::logging
