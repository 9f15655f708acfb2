// The thread of a runner: everything it knows is owned by this one thread, and the others talk to it through its inbox.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "app/handlers/attempt.hpp"
#include "app/handlers/runner.hpp"
#include "app/handlers/runner_inbox.hpp"
#include "app/handlers/worker_threads.hpp"

namespace turnwise::handlers {

class ClaimAnswer;

class RunnerLoop {
public:
  RunnerLoop(actors::Engine& engine, Spawner* spawner, RunnerConfig config, Handlers handlers);
  ~RunnerLoop();
  RunnerLoop(const RunnerLoop&) = delete;
  RunnerLoop& operator=(const RunnerLoop&) = delete;

  /// Until everything has ended after a StopAsked, or may not be waited for any longer.
  void run();
  [[nodiscard]] RunnerInbox& inbox() { return *inbox_; }
  /// Attempts without an outcome that the engine took. Once run() has returned.
  [[nodiscard]] std::size_t left_over() const { return attempts_.size(); }

private:
  /// A kind and its slots.
  struct Slots {
    std::string kind;
    std::string worker;
    std::variant<ExecKind, InProcessKind, PushKind> how;
    std::uint32_t concurrency{}; ///< zero: a kind that is not pushed any more
    std::uint32_t taken{};
    std::shared_ptr<ClaimAnswer> claim; ///< under way, if any
    std::uint64_t claim_number{};
    model::MonoTime claim_sent;
    model::MonoTime claim_at; ///< when the next claim may be sent, or the one under way is given up
    unsigned refusals{};      ///< in a row
  };
  using Attempts = std::unordered_map<AttemptNumber, Attempt>;

  // runner_claims.cpp
  void on(Claimed& event);
  void on(ClaimRefused& event);
  model::MonoTime attend(std::size_t kind, model::MonoTime now);
  void send_claim(std::size_t kind, model::MonoTime now);
  void abandon_claim(Slots& slots);
  [[nodiscard]] bool can_run(const Slots& slots);
  void start(std::size_t kind, model::Grant grant, model::MonoTime deadline);
  void run_command(AttemptNumber number, const ExecKind& kind, const model::Grant& grant);
  void run_function(AttemptNumber number, const InProcessKind& kind, model::Grant grant);

  // runner_push.cpp
  void on(PushKindsSet& event);
  void on(PushEnded& event);
  void set_push_kind(PushKind kind);
  void run_push(AttemptNumber number, const PushKind& kind, model::Grant grant);
  void hand_over(Attempts::iterator attempt);
  void put_off(Attempts::iterator attempt, const push::Later& later);
  void stop_pushing(Attempts::iterator attempt, const push::Gone& gone);

  // runner_attempts.cpp
  void on(Answered& event);
  void on(CommandEnded& event);
  void on(HandlerEnded& event);
  model::MonoTime attend(AttemptNumber number, Attempt& attempt, model::MonoTime now);
  void interrupt(Attempt& attempt, Interruption why);
  void end(Attempts::iterator attempt, HandlerResult result);
  void end_unused(Attempt& attempt, std::string_view why);
  void rest_kind(Slots& slots);
  void conclude(Attempt& attempt, actors::Answer answer);
  [[nodiscard]] std::optional<actors::Answer> answer_to(const Attempt& attempt, HandlerResult result) const;
  void heartbeat_answered(Attempts::iterator attempt, const Answered& event);
  void outcome_answered(Attempts::iterator attempt, const Answered& event);
  void forget(Attempts::iterator attempt);

  // runner_loop.cpp
  void on(StopAsked& event);
  model::MonoTime attend_all(model::MonoTime now);
  void interrupt_all(model::MonoTime now);
  [[nodiscard]] bool finished(model::MonoTime now) const;
  void say(AttemptNumber number, actors::Answer answer);
  void flush(model::MonoTime now);
  [[nodiscard]] milliseconds retry_wait(unsigned tries) const;
  [[nodiscard]] milliseconds grace_of(const Attempt& attempt) const;
  [[nodiscard]] std::string worker_name(std::string_view prefix) const;
  [[nodiscard]] milliseconds timeout_of(const Slots& slots) const;

  actors::Engine& engine_;
  Spawner* const spawner_;
  const RunnerConfig config_;
  const Pushing pushing_;
  const std::shared_ptr<RunnerInbox> inbox_{std::make_shared<RunnerInbox>()};

  std::vector<Slots> kinds_;
  Attempts attempts_;
  std::uint64_t last_number_{};

  std::vector<actors::Answer> outbox_; ///< what this round of the loop says to the engine
  std::vector<AttemptNumber> outbox_attempts_;

  bool helper_missed_{}; ///< that commands cannot be started was said already
  bool stopping_{};
  bool interrupted_all_{};
  model::MonoTime patience_end_{model::MonoTime::max()}; ///< when what still runs is interrupted
  model::MonoTime end_{model::MonoTime::max()};          ///< when the loop ends, come what may

  std::unique_ptr<WorkerThreads> threads_; ///< for in-process kinds
};

/// Where the engine puts the answer to one claim. Grants that nobody waits for any more are given back unused.
class ClaimAnswer final : public actors::ClaimRecipient {
public:
  ClaimAnswer(actors::Engine& engine, std::shared_ptr<RunnerInbox> inbox, std::size_t kind, std::uint64_t claim)
      : engine_(engine), inbox_(std::move(inbox)), kind_(kind), claim_(claim) {}

  void claimed(std::vector<model::Grant> grants, milliseconds waited) override;
  void refused(model::Error error) override;
  [[nodiscard]] bool gone() const override { return gone_; }
  void abandon() { gone_ = true; }

private:
  actors::Engine& engine_;
  const std::shared_ptr<RunnerInbox> inbox_;
  const std::size_t kind_;
  const std::uint64_t claim_;
  std::atomic<bool> gone_{false};
};

} // namespace turnwise::handlers
