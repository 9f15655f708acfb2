#include "app/cli/parse.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "app/node/run.hpp"

namespace turnwise::cli {
namespace {

/// Set while a command is only looked into. Each command makes its definition in its own function and comes here with it, so
/// this is where all of them can be had without a list.
thread_local const std::function<void(const CLI::App&)>* looking = nullptr;

} // namespace

void describe(CLI::App& app, std::string_view command, std::string_view text, std::string_view footer) {
  app.name(fmt::format("turnwise {}", command));
  app.description(std::string{text});
  app.footer(std::string{footer});
}

std::optional<int> parse(CLI::App& app, const Arguments& arguments) {
  if (looking != nullptr) {
    (*looking)(app);
    return node::exit_done;
  }
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend() - 1); // as CLI11 wants them, without the name
  try {
    app.parse(std::move(reversed));
    return std::nullopt;
  } catch (const CLI::ParseError& fault) {
    const int status = app.exit(fault);
    return status == 0 ? node::exit_done : node::exit_usage;
  }
}

void look_into(const Command& command, const std::function<void(const CLI::App&)>& look) {
  if (command.run == version) {
    return; // has no options, and would print
  }
  looking = &look;
  command.run({std::string{command.name}});
  looking = nullptr;
}

} // namespace turnwise::cli
