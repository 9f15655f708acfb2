// What the tests of a mailbox stand on: one mailbox, a clock that only the test moves, and the journal it wrote.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "model/mailbox.hpp"

namespace turnwise::model {

using namespace std::chrono_literals;

struct Fixture {
  KindTable kinds;
  Mailbox mailbox;
  Now now{WallTime{1'800'000'000s}, MonoTime{5'000s}};
  std::uint64_t last_number = first_number(Epoch{1});
  std::uint64_t random = 0;
  std::vector<Action> actions;                      ///< of the last command
  std::vector<std::pair<Sequence, Record>> journal; ///< of all commands
  Policy policy{};

  Context context() { return {ShardId{7}, now, kinds, random}; }

  void pass(microseconds time) {
    now.wall += time;
    now.mono += time;
  }

  void tell(Command command) {
    actions.clear();
    mailbox.handle(std::move(command), context(), actions);
    for (const Action& action : actions) {
      if (const auto* append = std::get_if<Append>(&action)) {
        journal.emplace_back(Sequence{++last_number}, append->record);
      }
    }
  }

  /// Tells, and gives the one answer, which must be of this type.
  template <class Answer>
  Answer ask(Command command) {
    tell(std::move(command));
    const Reply* found = nullptr;
    for (const Action& action : actions) {
      if (const auto* reply = std::get_if<Reply>(&action)) {
        REQUIRE(found == nullptr);
        found = reply;
      }
    }
    REQUIRE(found != nullptr);
    REQUIRE(std::holds_alternative<Answer>(found->response));
    return std::get<Answer>(found->response);
  }

  /// The events that the last command had journaled.
  [[nodiscard]] std::vector<Event> events() const {
    std::vector<Event> found;
    for (const Action& action : actions) {
      if (const auto* append = std::get_if<Append>(&action)) {
        found.push_back(event_of(append->record.body));
      }
    }
    return found;
  }

  template <class Wanted>
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(actions.begin(), actions.end(),
                                                  [](const Action& action) { return std::holds_alternative<Wanted>(action); }));
  }

  [[nodiscard]] NewJob job(const std::string& kind = "build") const {
    NewJob made;
    made.subject = "artifact:123";
    made.kind = kind;
    return made;
  }

  Accepted submit(NewJob made) { return ask<Accepted>(Submit{EntryNumber{++last_number}, std::move(made), {}}); }
  Accepted submit(const std::string& kind = "build") { return submit(job(kind)); }

  Nonce fresh_nonce() {
    Nonce nonce;
    const std::uint64_t value = ++nonces_;
    for (std::size_t place = 0; place < 8; ++place) {
      nonce.bits[place] = static_cast<std::uint8_t>(value >> (8 * place));
    }
    return nonce;
  }

  Start start_command(const std::string& kind = "build") { return {kinds.intern(kind), "worker-1", fresh_nonce(), policy, {}}; }
  Grant start(const std::string& kind = "build") { return ask<Grant>(start_command(kind)); }
  Claim begin(const std::string& kind = "build") { return claim_of(start(kind)); }
  void cannot_start(const std::string& kind = "build") { ask<NothingToStart>(start_command(kind)); }
  static Claim claim_of(const Grant& grant) { return {grant.entry, grant.attempt, grant.nonce}; }

  Outcome complete(const Claim& claim) { return ask<Outcome>(Complete{claim, "{}", {}}); }
  Outcome fail(const Claim& claim, Retry retry = Retry::by_policy) {
    return ask<Outcome>(Fail{claim, "no luck", retry, {}, {}});
  }
  Outcome release(const Claim& claim, std::optional<milliseconds> retry_after = {}) {
    return ask<Outcome>(Release{claim, {}, retry_after});
  }
  Extended heartbeat(const Claim& claim) { return ask<Extended>(Heartbeat{claim, {}}); }
  Errc refused(Command command) { return ask<Error>(std::move(command)).code; }
  void tick() { tell(Tick{}); }
  SubjectView describe(std::size_t jobs_max = 100) { return ask<SubjectView>(Describe{jobs_max, {}}); }
  JobView view(EntryNumber entry) {
    const auto found = mailbox.view(entry, context());
    REQUIRE(found);
    return *found;
  }

private:
  std::uint64_t nonces_ = 0;
};

} // namespace turnwise::model
