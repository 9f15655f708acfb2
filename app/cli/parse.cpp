#include "app/cli/parse.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "app/node/run.hpp"

namespace turnwise::cli {

void describe(CLI::App& app, std::string_view command, std::string_view text, std::string_view footer) {
  app.name(fmt::format("turnwise {}", command));
  app.description(std::string{text});
  app.footer(std::string{footer});
}

std::optional<int> parse(CLI::App& app, const Arguments& arguments) {
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend() - 1); // as CLI11 wants them, without the name
  try {
    app.parse(std::move(reversed));
    return std::nullopt;
  } catch (const CLI::ParseError& fault) {
    const int status = app.exit(fault);
    return status == 0 ? node::exit_done : node::exit_usage;
  }
}

} // namespace turnwise::cli
