// turnwise completion: scripts that complete commands and options in a shell, made from the definitions of all commands.
#include <iostream>

#include <fmt/format.h>

#include "app/cli/parse.hpp"
#include "app/node/run.hpp"

namespace turnwise::cli {
namespace {

struct Option {
  std::string flag; ///< "--lanes"
  std::string help;
  bool takes_value{};
  std::vector<std::string> choices; ///< of the value, if it is one of a few words
};

struct Definition {
  const Command* command{};
  std::vector<Option> options;
  std::vector<std::string> words; ///< what may stand as its argument, if that is one of a few words
};

/// The words of "TEXT:{text,json}", which is how CLI11 tells of a choice.
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto begin = type.find('{');
  const auto end = type.find('}', begin);
  return end == std::string::npos ? std::vector<std::string>{}
                                  : CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
}

Definition definition_of(const Command& command) {
  Definition definition{&command, {}, {}};
  look_into(command, [&](const CLI::App& app) {
    for (const auto* option : app.get_options()) {
      if (option->get_positional()) {
        const auto words = choices_of(*option);
        definition.words.insert(definition.words.end(), words.begin(), words.end());
      }
      for (const auto& name : option->get_lnames()) {
        definition.options.push_back(
            {"--" + name, option->get_description(), option->get_items_expected_max() > 0, choices_of(*option)});
      }
    }
  });
  return definition;
}

std::vector<Definition> definitions() {
  std::vector<Definition> all;
  for (const Command& command : commands()) {
    all.push_back(definition_of(command));
  }
  return all;
}

std::string names_of_commands() {
  std::string names;
  for (const Command& command : commands()) {
    names += fmt::format("{}{}", names.empty() ? "" : " ", command.name);
  }
  return names;
}

/// The text with each of the `special` characters replaced by what stands for it.
std::string escaped(std::string_view text, std::initializer_list<std::pair<char, std::string_view>> special) {
  std::string out;
  for (const char c : text) {
    std::string_view replacement{&c, 1};
    for (const auto& [from, to] : special) {
      if (from == c) {
        replacement = to;
      }
    }
    out += replacement;
  }
  return out;
}

std::string bash_script() {
  std::string values;
  std::string options;
  for (const Definition& definition : definitions()) {
    std::string words = fmt::format("{}", fmt::join(definition.words, " "));
    for (const Option& option : definition.options) {
      words += fmt::format("{}{}", words.empty() ? "" : " ", option.flag);
      if (option.takes_value) { // without choices: files, by the default of `complete`
        const std::string action =
            option.choices.empty() ? "return" : fmt::format("words='{}'", fmt::join(option.choices, " "));
        values += fmt::format("    '{} {}') {} ;;\n", definition.command->name, option.flag, action);
      }
    }
    options += fmt::format("      {}) words='{}' ;;\n", definition.command->name, words);
  }
  return fmt::format(R"(# bash completion for turnwise:  source <(turnwise completion bash)
_turnwise() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{} help' -- "$word"))
    return
  fi
  case "${{COMP_WORDS[1]}} $before" in
{}  esac
  if [ -z "$words" ]; then
    case "${{COMP_WORDS[1]}}" in
{}    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _turnwise turnwise
)",
                     names_of_commands(), values, options);
}

std::string zsh_script() {
  std::string list;
  std::string cases;
  for (const Definition& definition : definitions()) {
    list += fmt::format("    '{}:{}'\n", definition.command->name,
                        escaped(definition.command->summary, {{'\'', "'\\''"}, {':', "\\:"}}));
    cases += fmt::format("    {})\n      _arguments", definition.command->name);
    for (const Option& option : definition.options) {
      const auto help = escaped(option.help, {{'\'', "'\\''"}, {':', "\\:"}, {'[', "\\["}, {']', "\\]"}, {'\\', "\\\\"}});
      const auto value = !option.takes_value      ? ""
                         : option.choices.empty() ? std::string{":value:_files"}
                                                  : fmt::format(":value:({})", fmt::join(option.choices, " "));
      cases += fmt::format(" \\\n        '{}[{}]{}'", option.flag, help, value);
    }
    if (!definition.words.empty()) {
      cases += fmt::format(" \\\n        '1:what:({})'", fmt::join(definition.words, " "));
    }
    cases += "\n      ;;\n";
  }
  return fmt::format(R"(#compdef turnwise
# zsh completion for turnwise: as _turnwise in a folder of $fpath, or  source <(turnwise completion zsh)
_turnwise() {{
  local -a commands
  commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{}  esac
}}
if [[ $funcstack[1] == _turnwise ]]; then
  _turnwise "$@"
else
  compdef _turnwise turnwise
fi
)",
                     list, cases);
}

std::string fish_script() {
  const auto quoted = [](std::string_view text) { return escaped(text, {{'\'', "\\'"}, {'\\', "\\\\"}}); };
  std::string text = "# fish completion for turnwise:  turnwise completion fish | source\n";
  for (const Definition& definition : definitions()) {
    const auto name = definition.command->name;
    text += fmt::format("complete -c turnwise -f -n __fish_use_subcommand -a {} -d '{}'\n", name,
                        quoted(definition.command->summary));
    const auto in_command = fmt::format("complete -c turnwise -n '__fish_seen_subcommand_from {}'", name);
    if (!definition.words.empty()) {
      text += fmt::format("{} -f -a '{}'\n", in_command, fmt::join(definition.words, " "));
    }
    for (const Option& option : definition.options) {
      const auto value = !option.takes_value      ? ""
                         : option.choices.empty() ? std::string{" -r"}
                                                  : fmt::format(" -x -a '{}'", fmt::join(option.choices, " "));
      text += fmt::format("{} -l {}{} -d '{}'\n", in_command, option.flag.substr(2), value, quoted(option.help));
    }
  }
  return text;
}

} // namespace

int completion(const Arguments& arguments) {
  CLI::App app;
  std::string shell;
  app.add_option("shell", shell, "Whose script")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  describe(app, "completion", "Prints a script that completes commands and options.",
           "bash: source <(turnwise completion bash)\nzsh:  source <(turnwise completion zsh)\n"
           "fish: turnwise completion fish | source");
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  std::cout << (shell == "bash" ? bash_script() : shell == "zsh" ? zsh_script() : fish_script());
  return node::exit_done;
}

} // namespace turnwise::cli
