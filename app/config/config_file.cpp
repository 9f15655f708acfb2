#include "app/config/config_file.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iterator>

#include <fmt/format.h>

#include "app/api/time_text.hpp"
#include "app/config/option_set.hpp"
#include "app/config/toml.hpp"

namespace turnwise::config {
namespace {

/// An empty variable counts for nothing, here as where the options read theirs.
bool is_set(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  return value != nullptr && *value != '\0';
}

[[noreturn]] void refuse(const TomlEntry& entry, std::string_view fault) {
  throw CLI::ConfigError(fmt::format("line {}: {} {}", entry.line, entry.key, fault), CLI::ExitCodes::ConfigError);
}

milliseconds duration_of(const TomlEntry& entry) {
  const auto duration = entry.form == TomlEntry::Form::text ? api::parse_duration(entry.values.front()) : std::nullopt;
  if (!duration) {
    refuse(entry, fmt::format("must be {}", api::duration_form));
  }
  return *duration;
}

std::uint32_t count_of(const TomlEntry& entry) {
  const std::string& text = entry.values.empty() ? entry.key : entry.values.front();
  std::uint32_t count = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (entry.form != TomlEntry::Form::number_or_flag || failure != std::errc{} || end != text.data() + text.size()) {
    refuse(entry, "must be a whole number");
  }
  return count;
}

void read_exec(const TomlEntry& entry, handlers::ExecKind& exec) {
  if (entry.key == "command") {
    if (entry.form != TomlEntry::Form::array || entry.values.empty()) {
      refuse(entry, "must be an array: the program and its arguments");
    }
    exec.argv = entry.values;
  } else if (entry.key == "timeout") {
    exec.timeout = duration_of(entry);
  } else if (entry.key == "grace") {
    exec.grace = duration_of(entry);
  } else if (entry.key == "concurrency") {
    exec.concurrency = count_of(entry);
  } else {
    refuse(entry, "is unknown; an exec table has command, timeout, concurrency, grace");
  }
}

class FileReader : public CLI::Config {
public:
  explicit FileReader(std::vector<handlers::ExecKind>& exec) : exec_(exec) {}

  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const std::string text{std::istreambuf_iterator<char>(input), {}};
    const auto entries = parse_toml(text);
    if (!entries) {
      throw CLI::ConfigError(entries.error().detail, CLI::ExitCodes::ConfigError);
    }
    std::vector<CLI::ConfigItem> options;
    for (const TomlEntry& entry : *entries) {
      if (!entry.section.empty()) {
        read_table(entry);
      } else if (!entry.values.empty() && !is_set(environment_name(entry.key))) { // an empty list is the default
        options.push_back({{}, entry.key, entry.values});
      }
    }
    return options;
  }

private:
  void read_table(const TomlEntry& entry) const {
    if (entry.section.size() != 2 || entry.section.front() != "exec") {
      refuse(entry, "stands in an unknown table; there are only [exec.KIND], with quotes around a kind that has a dot");
    }
    const std::string& kind = entry.section.back();
    auto found = std::find_if(exec_.begin(), exec_.end(), [&](const auto& exec) { return exec.kind == kind; });
    if (found == exec_.end()) {
      found = exec_.insert(exec_.end(), handlers::ExecKind{});
      found->kind = kind;
    }
    read_exec(entry, *found);
  }

  std::vector<handlers::ExecKind>& exec_;
};

} // namespace

void read_file_too(CLI::App& app, std::vector<handlers::ExecKind>& exec) {
  const char* file = is_set("TURNWISE_CONFIG") ? std::getenv("TURNWISE_CONFIG") : nullptr;
  app.config_formatter(std::make_shared<FileReader>(exec));
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.set_config("--config", file == nullptr ? "" : file, "Configuration file (TOML; see conf/turnwise.toml)", file != nullptr);
}

} // namespace turnwise::config
