// Options, each declared once: name, text, bounds, and the field that it sets, whose value before is the default. From that
// come the flag, the environment variable, the entry of the configuration file, and their documentation.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "model/clock.hpp"

namespace turnwise::config {

using model::milliseconds;

/// The environment variable of an option: http-threads → TURNWISE_HTTP_THREADS.
std::string environment_name(std::string_view option);

/// Fields and the app must outlive the set. Names are without dashes in front.
class OptionSet {
public:
  explicit OptionSet(CLI::App& app) : app_(app) {}

  /// What follows belongs together under this title.
  void section(std::string title) { section_ = std::move(title); }

  void text(const std::string& name, std::string& field, const std::string& help);
  /// A text with a secret within, which toml() hides.
  void secret(const std::string& name, std::string& field, const std::string& help);
  void choice(const std::string& name, std::string& field, const std::string& help, const std::vector<std::string>& choices);
  /// Several texts: an array in the file, separated by commas elsewhere.
  void list(const std::string& name, std::vector<std::string>& field, const std::string& help);
  void flag(const std::string& name, bool& field, const std::string& help);
  void duration(const std::string& name, milliseconds& field, const std::string& help, milliseconds least, milliseconds most);

  template <std::unsigned_integral Number>
  void number(const std::string& name, Number& field, const std::string& help, Number least, Number most) {
    add(name, app_.add_option("--" + name, field, help)->check(CLI::Range(least, most))->capture_default_str(), help,
        [&field] { return std::to_string(field); });
  }

  /// Every option with its text and its value now, as a configuration file.
  [[nodiscard]] std::string toml() const;

private:
  struct Entry {
    std::string section;
    std::string name;
    std::string help;
    std::function<std::string()> value; ///< as TOML
  };
  void add(const std::string& name, CLI::Option* option, const std::string& help, std::function<std::string()> value);

  CLI::App& app_;
  std::string section_;
  std::vector<Entry> entries_;
};

/// The connection string with its password replaced by stars.
std::string without_password(std::string_view connection);

} // namespace turnwise::config
