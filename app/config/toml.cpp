#include "app/config/toml.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace turnwise::config {
namespace {

using model::Errc;
using model::Error;

bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

class Parser {
public:
  explicit Parser(std::string_view text) : text_(text) {}

  model::Result<std::vector<TomlEntry>> run() {
    for (skip_blank_lines(); !fault_ && at_ < text_.size(); skip_blank_lines()) {
      if (peek() == '[') {
        table();
      } else {
        entry();
      }
      end_of_line();
    }
    if (fault_) {
      return Error{Errc::malformed, *fault_, ""};
    }
    return std::move(entries_);
  }

private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] bool take(char expected) {
    if (peek() != expected || at_ >= text_.size()) {
      return false;
    }
    ++at_;
    return true;
  }
  void refuse(std::string_view fault) {
    if (!fault_) {
      fault_ = fmt::format("line {}: {}", line_, fault);
    }
  }

  void skip_spaces() {
    while (peek() == ' ' || peek() == '\t') {
      ++at_;
    }
  }
  void skip_comment() {
    if (peek() == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    }
  }
  bool skip_newline() {
    if (text_.substr(at_).starts_with("\r\n")) {
      ++at_;
    }
    if (!take('\n')) {
      return false;
    }
    ++line_;
    return true;
  }
  void skip_blank_lines() {
    do {
      skip_spaces();
      skip_comment();
    } while (skip_newline());
  }
  void end_of_line() {
    if (fault_) {
      return;
    }
    skip_spaces();
    skip_comment();
    if (at_ < text_.size() && !skip_newline()) {
      refuse("the line should end here");
    }
  }

  void table() {
    ++at_; // the bracket
    section_.clear();
    do {
      skip_spaces();
      section_.push_back(key());
      skip_spaces();
    } while (!fault_ && take('.'));
    if (!take(']')) {
      refuse("a table is written [name] or [name.\"part\"]");
    }
  }

  void entry() {
    TomlEntry entry;
    entry.line = line_;
    entry.section = section_;
    entry.key = key();
    skip_spaces();
    if (!take('=')) {
      refuse("an option is written name = value");
      return;
    }
    skip_spaces();
    if (take('[')) {
      entry.form = TomlEntry::Form::array;
      array(entry.values);
    } else {
      entry.form = is_quote(peek()) ? TomlEntry::Form::text : TomlEntry::Form::number_or_flag;
      entry.values.push_back(scalar());
    }
    if (!seen_.emplace(entry.section, entry.key).second) {
      refuse(fmt::format("{} occurs twice", entry.key));
    }
    entries_.push_back(std::move(entry));
  }

  void array(std::vector<std::string>& values) {
    skip_blank_lines();
    while (!fault_ && !take(']')) {
      values.push_back(scalar());
      skip_blank_lines();
      if (!take(',') && peek() != ']') {
        refuse("items of an array are separated by commas");
      }
      skip_blank_lines();
    }
  }

  std::string key() {
    if (is_quote(peek())) {
      return scalar();
    }
    const auto begin = at_;
    while (is_bare(peek())) {
      ++at_;
    }
    if (begin == at_) {
      refuse("a name is made of letters, digits, - and _, or stands in quotes");
    }
    return std::string{text_.substr(begin, at_ - begin)};
  }

  static bool is_quote(char c) { return c == '"' || c == '\''; }

  std::string scalar() {
    if (text_.substr(at_).starts_with("\"\"\"") || text_.substr(at_).starts_with("'''")) {
      refuse("strings over several lines are not supported here");
      return {};
    }
    if (is_quote(peek())) {
      return quoted(text_[at_++]);
    }
    const auto begin = at_;
    while (is_bare(peek()) || peek() == '.' || peek() == '+') {
      ++at_;
    }
    std::string word{text_.substr(begin, at_ - begin)};
    const bool number = !word.empty() && (std::isdigit(static_cast<unsigned char>(word.front())) != 0 || word.front() == '-');
    if (!number && word != "true" && word != "false") {
      refuse("a value is a text in quotes, a number, true or false");
    }
    std::erase(word, '_');
    return word;
  }

  std::string quoted(char quote) {
    std::string value;
    while (!fault_) {
      const char c = peek();
      if (at_ >= text_.size() || c == '\n') {
        refuse("a text has no closing quote in its line");
        break;
      }
      ++at_;
      if (c == quote) {
        break;
      }
      value += c == '\\' && quote == '"' ? escaped() : c;
    }
    return value;
  }

  char escaped() {
    const char c = peek();
    ++at_;
    switch (c) {
    case '"':
    case '\\':
      return c;
    case 'n':
      return '\n';
    case 't':
      return '\t';
    default:
      refuse("after a backslash comes one of \" \\ n t; in '…' a backslash is itself");
      return ' ';
    }
  }

  std::string_view text_;
  std::size_t at_{};
  std::size_t line_{1};
  std::vector<std::string> section_;
  std::vector<TomlEntry> entries_;
  std::set<std::pair<std::vector<std::string>, std::string>> seen_;
  std::optional<std::string> fault_;
};

} // namespace

model::Result<std::vector<TomlEntry>> parse_toml(std::string_view text) {
  return Parser(text).run();
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
    case '"':
    case '\\':
      out += '\\';
      out += c;
      break;
    case '\n':
      out += "\\n";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      out += c;
    }
  }
  return out += '"';
}

} // namespace turnwise::config
