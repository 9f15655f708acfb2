#include "app/json/writer.hpp"

#include <iterator>

#include <fmt/format.h>

namespace turnwise::json {
namespace {

bool must_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

void append_escaped(std::string& out, char c) {
  switch (c) {
  case '"':
    out += "\\\"";
    return;
  case '\\':
    out += "\\\\";
    return;
  case '\n':
    out += "\\n";
    return;
  case '\r':
    out += "\\r";
    return;
  case '\t':
    out += "\\t";
    return;
  default:
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
}

} // namespace

void append_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t clean = 0; // begin of the run that needs no escaping
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (must_escape(text[i])) {
      out.append(text, clean, i - clean);
      append_escaped(out, text[i]);
      clean = i + 1;
    }
  }
  out.append(text, clean);
  out += '"';
}

void Writer::comma() {
  if (comma_) {
    out_ += ',';
  }
}

Writer& Writer::open(char bracket) {
  comma();
  out_ += bracket;
  comma_ = false;
  return *this;
}

Writer& Writer::close(char bracket) {
  out_ += bracket;
  comma_ = true;
  return *this;
}

Writer& Writer::key(std::string_view name) {
  comma();
  out_ += '"';
  out_ += name;
  out_ += "\":";
  comma_ = false;
  return *this;
}

Writer& Writer::string(std::string_view text) {
  comma();
  append_string(out_, text);
  comma_ = true;
  return *this;
}

Writer& Writer::number(double value) {
  return raw(fmt::format("{}", value));
}

Writer& Writer::raw(std::string_view json) {
  comma();
  out_ += json;
  comma_ = true;
  return *this;
}

} // namespace turnwise::json
