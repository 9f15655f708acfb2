// app/config: what a node is told, by flags, environment and file. This file: the part of TOML that such a file needs.
//
// CLI11's own reader cuts a string at a '#' and lets much pass that is no TOML; a command or a password would be changed
// without a word. This one reads less, and refuses what it does not know, with the line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/errors.hpp"

namespace turnwise::config {

/// `key = value` in a section.
struct TomlEntry {
  std::vector<std::string> section; ///< [exec.build_coverage] → exec, build_coverage
  std::string key;
  std::vector<std::string> values; ///< one, or the items of an array; texts without their quotes, others as written
  enum class Form { text, number_or_flag, array } form{};
  std::size_t line{};
};

/// Comments, tables, bare and quoted keys, basic and literal strings, numbers, true and false, arrays of those (over several
/// lines too). @returns `malformed` with the number of the line otherwise, and for a key that occurs twice.
model::Result<std::vector<TomlEntry>> parse_toml(std::string_view text);

/// The text as a TOML string.
std::string toml_string(std::string_view text);

} // namespace turnwise::config
