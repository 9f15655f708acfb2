// The configuration file, as CLI11 asks for it.
#pragma once

#include <vector>

#include <CLI/CLI.hpp>

#include "app/handlers/exec_kind.hpp"

namespace turnwise::config {

/// Adds --config (and TURNWISE_CONFIG) to `app`. Unknown entries are errors; entries whose environment variable is set (and
/// not empty) are passed over. Tables [exec.KIND] become `exec`, which must outlive `app`.
void read_file_too(CLI::App& app, std::vector<handlers::ExecKind>& exec);

} // namespace turnwise::config
