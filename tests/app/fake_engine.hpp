// An engine without a journal: it remembers what it was asked and gives answers that a test can foresee or choose.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

#include "actors/engine.hpp"

namespace turnwise::test {

using actors::Answer;
using actors::ClaimRecipient;
using actors::ClaimRequest;
using model::milliseconds;
using model::Ticket;

class FakeEngine : public actors::Engine {
public:
  /// A claim that waits for work.
  struct Waiting {
    ClaimRequest request;
    std::shared_ptr<ClaimRecipient> recipient;
  };

  // What a test may choose; each is asked for every item. A hook that returns nothing leaves the item unanswered.
  std::function<std::optional<model::Response>(const model::NewJob&)> on_submit;
  std::function<std::optional<model::Response>(const Answer&)> on_answer;
  std::function<std::optional<model::Response>(model::JobId)> on_job;
  std::function<model::Error(const ClaimRequest&)> on_claim; ///< refuses claims
  std::function<model::SubjectView(const std::string&)> on_subject = [](const std::string&) { return model::SubjectView{}; };
  std::function<model::Response(actors::HoldRequest)> on_hold;
  std::function<void(Ticket)> on_hold_later; ///< given, it answers in its own time
  std::function<model::Response(model::JobId, model::FencingToken, std::optional<milliseconds>)> on_renew;
  std::function<model::Response(model::JobId, model::FencingToken)> on_release;
  std::function<model::Response(std::string, std::string, std::string)> on_pause;
  std::function<model::Response(std::string, std::string)> on_resume;
  std::function<model::Response(const model::KindChange&)> on_kind_change;
  std::vector<actors::KindStatus> all_kinds;
  std::function<model::Response(model::ListFilter, model::ListPlace, std::size_t)> on_list;
  std::function<model::Response(const actors::Change&)> on_change;
  std::function<model::Response(std::string, model::EntryNumber, std::size_t)> on_finished;
  std::shared_ptr<actors::EventFeed> feed = std::make_shared<actors::EventFeed>();
  std::function<void()> on_drain = [] {};
  std::atomic<bool> is_ready{true};

  FakeEngine() { meta_.shard_count = 256; }

  void submit(std::vector<model::NewJob> jobs, std::shared_ptr<model::Recipient> recipient) override;
  void answer(std::vector<Answer> answers, std::shared_ptr<model::Recipient> recipient) override;
  /// Answers a claim that does not wait with nothing, or with what offer() gave; keeps one that waits.
  void claim(ClaimRequest request, std::shared_ptr<ClaimRecipient> recipient) override;
  void cancel(model::JobId job, Ticket ticket) override { change(job, std::move(ticket)); }
  void retry(model::JobId job, Ticket ticket) override { change(job, std::move(ticket)); }
  void describe_job(model::JobId job, Ticket ticket) override;
  void await_job(model::JobId job, milliseconds wait, Ticket ticket) override;
  void describe_subject(std::string subject, std::size_t jobs_max, Ticket ticket) override;
  void hold(actors::HoldRequest request, Ticket ticket) override {
    remember(request.claimant);
    if (on_hold_later) {
      on_hold_later(std::move(ticket));
    } else {
      answer_with(on_hold(std::move(request)), ticket);
    }
  }
  void renew_hold(actors::HeldTurn turn, std::optional<milliseconds> ttl, Ticket ticket) override {
    remember(turn);
    answer_with(on_renew(turn.hold, turn.token, ttl), ticket);
  }
  void release_hold(actors::HeldTurn turn, Ticket ticket) override {
    remember(turn);
    answer_with(on_release(turn.hold, turn.token), ticket);
  }
  void pause(std::string subject, std::string by, std::string why, Ticket ticket) override {
    answer_with(on_pause(std::move(subject), std::move(by), std::move(why)), ticket);
  }
  void resume(std::string subject, std::string by, Ticket ticket) override {
    answer_with(on_resume(std::move(subject), std::move(by)), ticket);
  }

  void change_kind(model::KindChange change, Ticket ticket) override { answer_with(on_kind_change(change), ticket); }
  void watch_kinds(std::function<void()> changed) override {
    if (changed) {
      changed();
    }
  }
  [[nodiscard]] std::vector<actors::KindStatus> kinds() const override { return all_kinds; }
  [[nodiscard]] std::optional<actors::KindStatus> kind(const std::string& name) const override {
    for (const auto& status : all_kinds) {
      if (status.kind.name == name) {
        return status;
      }
    }
    return std::nullopt;
  }
  void list(model::ListFilter filter, model::ListPlace from, std::size_t items_max, Ticket ticket) override {
    answer_with(on_list(std::move(filter), std::move(from), items_max), ticket);
  }
  void change(std::vector<actors::Change> changes, std::shared_ptr<model::Recipient> recipient) override {
    for (std::uint32_t i = 0; i < changes.size(); ++i) {
      recipient->deliver(i, on_change(changes[i]));
    }
  }
  void finished_jobs(std::string subject, model::EntryNumber before, std::size_t jobs_max, Ticket ticket) override {
    answer_with(on_finished(std::move(subject), before, jobs_max), ticket);
  }

  actors::EventFeed& events() override { return *feed; }
  [[nodiscard]] actors::Stats stats() const override { return {.jobs_open = 7, .submitted = 9, .journal_up = true}; }
  [[nodiscard]] std::string metrics() const override { return "turnwise_jobs_open 7\n"; }
  [[nodiscard]] bool ready() const override { return is_ready; }
  [[nodiscard]] model::WallTime wall_time() const override { return noon; }
  [[nodiscard]] const storage::ClusterMeta& cluster() const override { return meta_; }
  [[nodiscard]] model::Incarnation incarnation() const override { return {}; }
  [[nodiscard]] std::shared_ptr<const model::Tokens> tokens() const override {
    const std::lock_guard lock(mutex_);
    return tokens_;
  }
  void drain() override { on_drain(); }

  /// From now on these are the good tokens.
  void set_tokens(model::Tokens tokens) {
    const std::lock_guard lock(mutex_);
    tokens_ = std::make_shared<const model::Tokens>(std::move(tokens));
  }

  /// The next claim that does not wait wins this.
  void offer(model::Grant grant);
  /// The oldest claim that waits, taken out; waits for one to come, at most ten seconds.
  Waiting take_waiting();

  std::vector<model::NewJob> submitted() const;
  std::vector<Answer> answered() const;
  /// Waits until this many answers came, at most ten seconds. @returns whether they did
  bool await_answers(std::size_t count);
  milliseconds awaited() const;
  /// Who claimed, took, renewed or released last; nothing when nobody did.
  std::optional<std::string> claimant() const;

  /// 2030-01-01T12:00:00Z.
  static constexpr model::WallTime noon{std::chrono::seconds{1'893'499'200}};

private:
  void change(model::JobId job, Ticket ticket);
  void remember(const actors::HeldTurn& turn) { remember(turn.claimant); }
  void remember(const std::string& claimant) {
    const std::lock_guard lock(mutex_);
    claimant_ = claimant;
  }
  static void answer_with(model::Response response, const Ticket& ticket) {
    ticket.to->deliver(ticket.item, std::move(response));
  }

  storage::ClusterMeta meta_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<model::NewJob> submitted_;
  std::vector<Answer> answered_;
  std::deque<model::Grant> offers_;
  std::deque<Waiting> waiting_;
  milliseconds awaited_{};
  std::optional<std::string> claimant_;
  std::shared_ptr<const model::Tokens> tokens_ = std::make_shared<const model::Tokens>();
  std::uint64_t next_entry_{1};
};

/// The turn of a job in shard 3.
model::Grant grant_of(std::uint64_t entry, std::string payload = "null");

} // namespace turnwise::test
