// The whole life of one job, folded from its records: what GET /v1/jobs/{id} tells.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/command.hpp"
#include "model/record.hpp"

namespace turnwise::model {

struct AttemptStory {
  Attempt attempt;
  std::string worker;
  FencingToken fencing_token;
  WallTime started_at;
  std::optional<WallTime> ended_at;
  std::string outcome; ///< running, succeeded, failed, expired, timed-out, released
  std::string error;
};

struct JobStory {
  ShardId shard;
  EntryNumber entry;
  Submitted job;
  JobState state{};
  WallTime submitted_at;
  std::optional<WallTime> finished_at;
  std::optional<WallTime> retry_at;
  bool cancel_requested{};
  Attempt attempt;                    ///< starts so far
  std::uint32_t failures{};           ///< of them, those that counted
  std::vector<AttemptStory> attempts; ///< the last attempts_shown_max, oldest first
  std::string result;                 ///< JSON text of a succeeded job, or empty
  std::string failure;                ///< why a failed job failed
  std::optional<JobView> now;         ///< of an open job: why it waits and where, as its mailbox says
};

/// Finished jobs of a subject, newest first; of each what a list shows, without payload and result.
struct FinishedJobs {
  std::vector<JobStory> jobs;
  std::optional<EntryNumber> next; ///< older ones have smaller numbers; nothing at the end
};

/// Folds the rows of one entry, ordered by sequence. It begins with `submitted`, or, when the segment with that is gone, with
/// the first `carried`. Nothing when there is neither.
class StoryBuilder {
public:
  StoryBuilder(ShardId shard, EntryNumber entry) { story_.shard = shard, story_.entry = entry; }
  void add(Sequence sequence, const Record& record);
  [[nodiscard]] std::optional<JobStory> finish() &&;
  /// The story so far; nothing when there is no such entry.
  [[nodiscard]] std::optional<JobStory> story() const { return opened_ ? std::optional{story_} : std::nullopt; }
  /// The verdict on an answer that came after its attempt was closed: the outcome that stands, or stale_fence.
  [[nodiscard]] Response judge(const Claim& claim) const;

private:
  void begin_with(const Carried& body);
  void tell(const Started& body, Sequence sequence, WallTime at);
  void tell(const AttemptFailed& body, WallTime at);
  void end_attempt(Attempt attempt, WallTime at, std::string_view outcome, std::string error);

  JobStory story_;
  Nonce latest_nonce_;          ///< of the latest attempt, for judge
  std::string latest_claimant_; ///< the same
  bool opened_{};
};

} // namespace turnwise::model
