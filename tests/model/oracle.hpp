// A second opinion on what a mailbox does, written to be obvious: a map of all jobs that ever were, searched from end to end
// for every question. It says in words which actions a command should lead to.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/mailbox.hpp"

namespace turnwise::model {

using Words = std::vector<std::string>;

/// What a mailbox decided, one line per action, in order. Lines about different jobs whose moments passed together are
/// sorted, since their order means nothing.
Words in_words(const std::vector<Action>& actions);
Words sorted_moments(Words lines);
/// As Oracle::head() and Oracle::jobs() say it.
std::string head_in_words(const Mailbox& mailbox, Now now, const KindTable& kinds);
Words jobs_in_words(Mailbox& mailbox, Now now, KindTable& kinds);

class Oracle {
public:
  explicit Oracle(const KindTable& kinds) : kinds_(kinds) {}

  /// What this command should lead to. The oracle believes from then on that it did.
  Words expect(const Command& command, Now now, std::uint64_t random);
  /// A new owner has the mailbox: open turns start a whole lease again.
  void take_over(Now now);

  /// Open jobs, holds and pauses.
  [[nodiscard]] std::size_t open_count() const;
  /// Every open job in a line, as Describe should list them.
  [[nodiscard]] Words jobs() const;
  [[nodiscard]] std::string head(Now now) const;
  /// When something will have run out or can start again, at the earliest.
  [[nodiscard]] std::optional<MonoTime> next_moment(Now now) const;

private:
  enum class Answer : std::uint8_t { none, open, late };
  struct Job {
    std::string kind;
    JobState state{};
    std::uint32_t attempt{};
    std::uint32_t failures{};
    std::optional<WallTime> due;
    std::optional<WallTime> expires_at;
    // of the latest attempt
    Answer answer{};
    Nonce nonce;
    Policy policy;
    WallTime started_at;
    MonoTime deadline;
    MonoTime timeout_at;
    bool asked_to_stop{};
    // of a hold
    bool is_hold{};
    milliseconds ttl{};
    MonoTime give_up_at;
  };
  using Jobs = std::map<std::uint64_t, Job>;
  struct Moment {
    Now now;
    std::uint64_t random{};
  };

  Words expect(const Submit& command, Moment moment);
  Words expect(const Start& command, Moment moment);
  Words expect(const Complete& command, Moment moment);
  Words expect(const Fail& command, Moment moment);
  Words expect(const Release& command, Moment moment);
  Words expect(const Heartbeat& command, Moment moment);
  Words expect(const Cancel& command, Moment moment);
  Words expect(const RetryNow& command, Moment moment);
  Words expect(const Tick& command, Moment moment);
  Words expect(const TakeHold& command, Moment moment);
  Words expect(const RenewHold& command, Moment moment);
  Words expect(const ReleaseHold& command, Moment moment);
  Words expect(const Pause& command, Moment moment);
  Words expect(const Resume& command, Moment moment);
  Words expect(const Describe&, Moment) { return {}; }
  Words expect(const ListOpen&, Moment) { return {"listed"}; }
  Words expect(const Carry&, Moment) { return {"listed"}; }
  Words expect(const ShowOpen&, Moment) { return {"view"}; }
  Words expect(const Recall&, Moment) { return {}; } // only looks, like the next one
  Words expect(const Locate&, Moment) { return {}; }

  /// The job that the claim may answer for, or what the claimant hears instead.
  Job* claimed(const Claim& claim, Words& instead);
  Job* find_open(EntryNumber entry);
  std::string end_attempt(std::uint64_t number, Job& job, const std::string& cause, Retry retry,
                          std::optional<milliseconds> retry_after, Moment moment);
  Words settle(WallTime now);
  Words give_up(MonoTime now);
  Words grant_hold(Moment moment);
  [[nodiscard]] std::string busy() const;
  Job* open_hold(EntryNumber entry);
  [[nodiscard]] static bool is_inside(const Job& job);
  [[nodiscard]] static bool may_expire(const Job& job);
  [[nodiscard]] Jobs::const_iterator runner() const;
  [[nodiscard]] Jobs::const_iterator oldest_inside() const;
  [[nodiscard]] std::uint64_t position(std::uint64_t number) const;

  const KindTable& kinds_;
  Jobs jobs_;
  std::optional<std::uint64_t> pause_;
};

} // namespace turnwise::model
