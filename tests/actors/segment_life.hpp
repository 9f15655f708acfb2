// What the tests of segments share: a set of subjects in every state there is, told in words, and jobs that come and go beside
// them so that segments end.
#pragma once

#include <string>
#include <vector>

#include "tests/actors/harness.hpp"

namespace turnwise::tests {

/// Small segments, dropped as soon as they are out of use.
void use_small_segments(actors::EngineConfig& config);

/// Open entries of every kind and state, which stay as they are.
class StandingEntries {
public:
  /// Makes them. Their leases are long.
  explicit StandingEntries(TestNode& node);

  /// How they stand, a line for each: what a restart must not change.
  static std::string in_words(TestNode& node);
  /// Uses them: the worker completes, the hold is renewed and released, and what waits is claimed with its payload.
  /// @returns what went wrong, or nothing
  std::string use(TestNode& node) const;

  model::JobId parked;

private:
  model::Grant running_;
  model::Grant late_;
  model::HoldGrant hold_;
};

/// Jobs of kind "passing" that are submitted, run and done, on `subjects` subjects.
void pass_jobs(TestNode& node, std::size_t count, std::size_t subjects = 10);

/// Whether the job's first rows are gone, so that its history begins with a carried one.
bool is_carried_alone(storage::Store& store, model::JobId job);

} // namespace turnwise::tests
