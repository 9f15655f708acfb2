// app/dev brings a node its own PostgreSQL. This file: running another program to its end.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "model/errors.hpp"

namespace turnwise::dev {

struct Finished {
  int status{};       ///< exit status; 128 + signal when a signal ended it
  std::string output; ///< what it wrote to stdout and stderr, at most 64 KiB
};

/// Runs argv with an empty stdin in the folder `directory` and waits. After `timeout` it is killed.
/// @returns `internal` when it cannot be started or took too long; any exit status is a value.
model::Result<Finished> run_program(const std::vector<std::string>& argv, const std::string& directory,
                                    std::chrono::milliseconds timeout);

} // namespace turnwise::dev
