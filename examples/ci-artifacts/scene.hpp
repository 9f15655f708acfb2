// The three steps that all of this is about, played with real jobs.
#pragma once

#include <string>

#include "examples/ci-artifacts/world.hpp"

namespace turnwise::ci_artifacts {

/// 1. job A runs for `job:123`; 2. job B arrives for `job:123` and waits; 3. job C arrives for `job:76` and runs at once.
/// Prints who ran when. Throws std::runtime_error when the node fails.
/// @returns whether it went that way
bool play_scene(const World& world, const std::string& url, const std::string& run);

} // namespace turnwise::ci_artifacts
