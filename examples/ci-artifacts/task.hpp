// One piece of work, as any job queue would carry it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace turnwise::ci_artifacts {

struct Task {
  std::string kind{};
  std::string subject{};
  std::uint64_t argument{}; ///< of the few kinds that need one; see handlers.hpp
  std::string id{};         ///< given by the queue; the same in every attempt
};

/// What a handler may do besides its own work: leave further tasks behind. Done once even if an attempt is repeated.
using Enqueue = std::function<void(std::vector<Task>)>;

} // namespace turnwise::ci_artifacts
