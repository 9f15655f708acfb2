// The same beginning for both queues, and the judgement of what they made of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "examples/ci-artifacts/task.hpp"
#include "examples/ci-artifacts/world.hpp"

namespace turnwise::ci_artifacts {

struct Scenario {
  std::uint64_t artifacts{500}; ///< and as many jobs; a multiple of a pipeline's jobs
  std::uint64_t seed{1};
};

/// Fills a world with artifacts, logs and records: everything as it is when the pipelines are due.
void set_up(const World& world, const Scenario& scenario);

/// What a cron finds due: everything else follows from it.
std::vector<Task> first_tasks(const Scenario& scenario);

/// How many tasks there are in all, if nothing is lost.
std::uint64_t expected_tasks(const Scenario& scenario);

/// One way in which the world is not as it should be.
struct Loss {
  std::string text;
  std::uint64_t count{};
};
/// Looks at every file and every record. The list is always the same, in the same order; counts are 0 in a good world.
std::vector<Loss> audit(const World& world, const Scenario& scenario);

/// A log of a job: `kilobytes` of lines, some sections, a coverage.
std::string make_log(std::uint64_t job, std::uint64_t kilobytes);

} // namespace turnwise::ci_artifacts
