#include "app/config/option_set.hpp"

#include <algorithm>
#include <regex>

#include <fmt/format.h>

#include "app/api/time_text.hpp"
#include "app/config/toml.hpp"

namespace turnwise::config {
namespace {

constexpr std::size_t comment_width = 120;

/// The text in lines of bounded width, each a comment.
std::string as_comment(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto end = text.size();
    if (end > comment_width) {
      end = text.rfind(' ', comment_width);
    }
    out += fmt::format("# {}\n", text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

} // namespace

std::string environment_name(std::string_view option) {
  std::string name = "TURNWISE_";
  for (const char c : option) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

void OptionSet::add(const std::string& name, CLI::Option* option, const std::string& help, std::function<std::string()> value) {
  option->envname(environment_name(name))->group(section_);
  entries_.push_back({section_, name, help, std::move(value)});
}

void OptionSet::text(const std::string& name, std::string& field, const std::string& help) {
  add(name, app_.add_option("--" + name, field, help)->capture_default_str(), help, [&field] { return toml_string(field); });
}

void OptionSet::secret(const std::string& name, std::string& field, const std::string& help) {
  add(name, app_.add_option("--" + name, field, help)->capture_default_str(), help,
      [&field] { return toml_string(without_password(field)); });
}

void OptionSet::choice(const std::string& name, std::string& field, const std::string& help,
                       const std::vector<std::string>& choices) {
  const auto full_help = fmt::format("{}: {}", help, fmt::join(choices, ", "));
  add(name, app_.add_option("--" + name, field, full_help)->check(CLI::IsMember(choices))->capture_default_str(), full_help,
      [&field] { return toml_string(field); });
}

void OptionSet::list(const std::string& name, std::vector<std::string>& field, const std::string& help) {
  add(name, app_.add_option("--" + name, field, help)->delimiter(',')->allow_extra_args(false), help, [&field] {
    std::vector<std::string> words;
    for (const auto& word : field) {
      words.push_back(toml_string(word));
    }
    return fmt::format("[{}]", fmt::join(words, ", "));
  });
}

void OptionSet::flag(const std::string& name, bool& field, const std::string& help) {
  add(name, app_.add_flag("--" + name, field, help), help, [&field] { return std::string{field ? "true" : "false"}; });
}

void OptionSet::duration(const std::string& name, milliseconds& field, const std::string& help, milliseconds least,
                         milliseconds most) {
  CLI::callback_t read = [name, &field, least, most](const CLI::results_t& words) {
    const auto value = api::parse_duration(words.back());
    if (!value || *value < least || *value > most) {
      throw CLI::ValidationError(
          "--" + name, fmt::format("must be {} from {} to {}", api::duration_form, api::to_text(least), api::to_text(most)));
    }
    field = *value;
    return true;
  };
  CLI::Option* option = app_.add_option("--" + name, read, help);
  option->type_name("DURATION")->default_str(api::to_text(field));
  add(name, option, help, [&field] { return toml_string(api::to_text(field)); });
}

std::string OptionSet::toml() const {
  std::string out;
  std::string section;
  for (const Entry& entry : entries_) {
    if (entry.section != section) {
      section = entry.section;
      out += fmt::format("\n# ── {} ──\n", section);
    }
    out += fmt::format("\n{}{} = {}\n", as_comment(entry.help), entry.name, entry.value());
  }
  return out;
}

std::string without_password(std::string_view connection) {
  static const std::regex in_uri("(://[^:/@]*:)[^@]*@");
  static const std::regex in_words("(password\\s*=\\s*)('[^']*'|[^\\s&]*)");
  const auto hidden = std::regex_replace(std::string{connection}, in_uri, "$1***@");
  return std::regex_replace(hidden, in_words, "$1***");
}

} // namespace turnwise::config
