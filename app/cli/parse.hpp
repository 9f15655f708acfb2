// Reading the options of a command.
#pragma once

#include <functional>
#include <optional>

#include <CLI/CLI.hpp>

#include "app/cli/command.hpp"

namespace turnwise::cli {

/// Prepares `app` for a command: its name in the help, and what --help prints below the options.
void describe(CLI::App& app, std::string_view command, std::string_view text, std::string_view footer = {});

/// @returns the status to exit with, when there is nothing to do but that: after --help, or after an error, which it has told.
std::optional<int> parse(CLI::App& app, const Arguments& arguments);

/// Lets `look` see how the command is defined, and runs nothing. A command without options shows nothing.
void look_into(const Command& command, const std::function<void(const CLI::App&)>& look);

} // namespace turnwise::cli
