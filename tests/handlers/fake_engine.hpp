// An engine for the tests of the runner: gives what a test offers, answers as it was told, and remembers what was said.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "actors/engine.hpp"
#include "tests/handlers/support.hpp"

namespace turnwise::handlers::testing {

using actors::Answer;
using Verb = actors::Answer::Verb;

/// A grant as an engine would give it.
inline model::Grant grant(const std::string& kind, std::uint64_t entry = 7) {
  model::Grant given;
  given.shard = model::ShardId{3};
  given.entry = model::EntryNumber{entry};
  given.attempt = model::Attempt{2};
  given.fencing_token = model::FencingToken{9'007'199'254'740'993};
  given.lease = milliseconds{3'000};
  given.subject = "artifact:" + std::to_string(entry);
  given.kind = kind;
  given.payload = R"({"size":1})";
  return given;
}

inline model::Error error(model::Errc code) {
  return {code, "as the test wants it", {}};
}

/// Thread-safe, as an engine is. What the runner does not need is refused.
class FakeEngine final : public actors::Engine {
public:
  /// Gives the job to the next claim of its kind, or the one that waits.
  void offer(model::Grant offered) {
    std::unique_lock lock(mutex_);
    offers_.push_back(std::move(offered));
    match(lock);
  }

  /// What to answer to verbs of this sort from now on; the default is what an engine says when all is well.
  void respond(Verb verb, std::function<model::Response(const Answer&)> how) {
    const std::lock_guard lock(mutex_);
    responses_[verb] = std::move(how);
  }
  void respond(Verb verb, model::Response always) {
    respond(verb, [always](const Answer&) { return always; });
  }

  /// What to say to claims instead of granting.
  void refuse_claims(std::optional<model::Error> with) {
    std::unique_lock lock(mutex_);
    refusal_ = std::move(with);
    match(lock);
  }

  /// The next thing that the runner said with this verb and that no test has looked at.
  Answer heard(Verb verb) {
    return await<Answer>([&]() -> std::optional<Answer> {
      const auto found = std::ranges::find(said_, verb, &Answer::verb);
      if (found == said_.end()) {
        return std::nullopt;
      }
      auto answer = *found;
      said_.erase(found);
      return answer;
    });
  }

  /// Things said other than heartbeats that no test has looked at.
  std::size_t unheard() {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::ranges::count_if(said_, [](const Answer& answer) { return answer.verb != Verb::heartbeat; }));
  }

  /// Waits until a claim for this kind and this many jobs waits here.
  actors::ClaimRequest claim_waits(const std::string& kind, std::uint32_t max) {
    return await<actors::ClaimRequest>([&]() -> std::optional<actors::ClaimRequest> {
      for (const auto& claim : claims_) {
        if (claim.request.kinds.front() == kind && claim.request.max == max && !claim.recipient->gone()) {
          return claim.request;
        }
      }
      return std::nullopt;
    });
  }

  /// How often this kind was claimed so far.
  std::size_t claims_of(const std::string& kind) {
    const std::lock_guard lock(mutex_);
    return claims_of_[kind];
  }
  void await_claims_of(const std::string& kind, std::size_t count) {
    await<bool>([&]() -> std::optional<bool> { return claims_of_[kind] >= count ? std::optional(true) : std::nullopt; });
  }

  /// Takes the claims that wait here out, whether somebody listens or not.
  std::vector<std::shared_ptr<actors::ClaimRecipient>> take_claims() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<actors::ClaimRecipient>> recipients;
    for (auto& claim : std::exchange(claims_, {})) {
      recipients.push_back(claim.recipient);
    }
    return recipients;
  }

  /// Answers the claims that wait here with nothing, as an engine does when their time is over.
  void expire_claims() {
    for (const auto& recipient : take_claims()) {
      recipient->claimed({}, milliseconds{0});
    }
  }

  // ── Engine ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

  void claim(actors::ClaimRequest request, std::shared_ptr<actors::ClaimRecipient> recipient) override {
    std::unique_lock lock(mutex_);
    ++claims_of_[request.kinds.front()];
    claims_.push_back({std::move(request), std::move(recipient)});
    match(lock);
    changed_.notify_all();
  }

  void answer(std::vector<Answer> answers, std::shared_ptr<model::Recipient> recipient) override {
    for (std::uint32_t item = 0; item < answers.size(); ++item) {
      std::unique_lock lock(mutex_);
      said_.push_back(answers[item]);
      const auto found = responses_.find(answers[item].verb);
      const auto how = found == responses_.end() ? &usual : found->second;
      changed_.notify_all();
      lock.unlock();
      recipient->deliver(item, how(answers[item]));
    }
  }

  void submit(std::vector<model::NewJob>, std::shared_ptr<model::Recipient>) override { unused(); }
  void cancel(model::JobId, model::Ticket) override { unused(); }
  void retry(model::JobId, model::Ticket) override { unused(); }
  void describe_job(model::JobId, model::Ticket) override { unused(); }
  void await_job(model::JobId, milliseconds, model::Ticket) override { unused(); }
  void describe_subject(std::string, std::size_t, model::Ticket) override { unused(); }
  void hold(actors::HoldRequest, model::Ticket) override { unused(); }
  void renew_hold(actors::HeldTurn, std::optional<milliseconds>, model::Ticket) override { unused(); }
  void release_hold(actors::HeldTurn, model::Ticket) override { unused(); }
  void pause(std::string, std::string, std::string, model::Ticket) override { unused(); }
  void resume(std::string, std::string, model::Ticket) override { unused(); }
  void change_kind(model::KindChange, model::Ticket) override { unused(); }
  void watch_kinds(std::function<void()> changed) override {
    if (changed) {
      changed();
    }
  }
  [[nodiscard]] std::vector<actors::KindStatus> kinds() const override { return {}; }
  [[nodiscard]] std::optional<actors::KindStatus> kind(const std::string&) const override { return {}; }
  void list(model::ListFilter, model::ListPlace, std::size_t, model::Ticket) override { unused(); }
  void change(std::vector<actors::Change>, std::shared_ptr<model::Recipient>) override { unused(); }
  void finished_jobs(std::string, model::EntryNumber, std::size_t, model::Ticket) override { unused(); }
  actors::EventFeed& events() override { return *feed; }
  [[nodiscard]] actors::Stats stats() const override { return {}; }
  [[nodiscard]] std::string metrics() const override { return {}; }
  [[nodiscard]] bool ready() const override { return true; }
  [[nodiscard]] model::WallTime wall_time() const override { return {}; }
  [[nodiscard]] const storage::ClusterMeta& cluster() const override { return meta_; }
  [[nodiscard]] model::Incarnation incarnation() const override { return {}; }
  [[nodiscard]] std::shared_ptr<const model::Tokens> tokens() const override { return std::make_shared<model::Tokens>(); }
  void drain() override {}

  std::shared_ptr<actors::EventFeed> feed = std::make_shared<actors::EventFeed>();

private:
  struct Waiting {
    actors::ClaimRequest request;
    std::shared_ptr<actors::ClaimRecipient> recipient;
  };

  [[noreturn]] static void unused() { throw std::logic_error("a runner does not ask for this"); }

  static model::Response usual(const Answer& answer) {
    if (answer.verb == Verb::heartbeat) {
      return model::Extended{milliseconds{3'000}, false};
    }
    return model::Outcome{};
  }

  /// Brings offers and claims together. Calls recipients without the lock.
  void match(std::unique_lock<std::mutex>& lock) {
    std::vector<std::function<void()>> calls;
    for (auto claim = claims_.begin(); claim != claims_.end();) {
      std::vector<model::Grant> grants;
      for (auto offered = offers_.begin(); offered != offers_.end();) {
        if (grants.size() < claim->request.max && offered->kind == claim->request.kinds.front()) {
          grants.push_back(std::move(*offered));
          offered = offers_.erase(offered);
        } else {
          ++offered;
        }
      }
      if (grants.empty() && !refusal_) {
        ++claim;
        continue;
      }
      calls.push_back([recipient = claim->recipient, grants, refusal = refusal_] {
        if (refusal) {
          recipient->refused(*refusal);
        } else {
          recipient->claimed(grants, milliseconds{0});
        }
      });
      claim = claims_.erase(claim);
    }
    lock.unlock();
    for (const auto& call : calls) {
      call();
    }
    lock.lock();
  }

  template <class T>
  T await(const std::function<std::optional<T>()>& look) {
    std::unique_lock lock(mutex_);
    std::optional<T> found;
    if (!changed_.wait_for(lock, patience, [&] { return (found = look()).has_value(); })) {
      throw std::runtime_error("the runner did not do what the test waits for");
    }
    return *found;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<model::Grant> offers_;
  std::vector<Waiting> claims_;
  std::map<std::string, std::size_t> claims_of_;
  std::deque<Answer> said_;
  std::map<Verb, std::function<model::Response(const Answer&)>> responses_;
  std::optional<model::Error> refusal_;
  storage::ClusterMeta meta_;
};

} // namespace turnwise::handlers::testing
