// The oracle of the journal: what may happen to an entry in which state, and when a turn may begin.
#include <algorithm>
#include <utility>

#include "model/history_check.hpp"
#include "model/job_id.hpp"

namespace turnwise::model {

namespace {

constexpr EntryNumber nobody{};

std::string word(JobState state) {
  return std::string{name(state)};
}

} // namespace

// ── Rows that open an entry ──────────────────────────────────────────────────────────────────────────────────────────────

void HistoryCheck::judge(const Record& record, const Submitted& body) {
  Life* life = open(record, Type::job, body.subject);
  if (life == nullptr) {
    return;
  }
  EntryNumber& youngest = subject_of(*life).youngest_accepted;
  if (record.entry < youngest) {
    report(Anomaly::order, record.entry, life, "was accepted after a job of its subject with a larger number");
  }
  youngest = std::max(youngest, record.entry);
  life->state = body.run_at ? JobState::scheduled : JobState::waiting;
  take_place(record.entry, *life);
}

void HistoryCheck::judge(const Record& record, const Held& body) {
  if (Life* life = open(record, Type::hold, body.subject)) {
    begin_turn(record, *life);
  }
}

void HistoryCheck::judge(const Record& record, const Paused& body) {
  const auto known = lives_.find(record.entry);
  if (known != lives_.end() && known->second.type == Type::unknown) {
    return; // said again
  }
  if (known != lives_.end() && known->second.type == Type::pause) {
    if (known->second.subject->first != body.subject) {
      report(Anomaly::step, record.entry, &known->second, "pauses another subject than before");
    }
    return;
  }
  Life* life = open(record, Type::pause, body.subject);
  if (life == nullptr) {
    return;
  }
  if (subject_of(*life).pause != nobody) {
    report(Anomaly::step, record.entry, life, "pauses a subject that is paused");
  }
  take_place(record.entry, *life);
}

void HistoryCheck::judge(const Record& /*record*/, const Taken& /*body*/) {}

void HistoryCheck::judge(const Record& record, const OutsideCursor& /*body*/) {
  if (record.entry != outside_entry) {
    report(Anomaly::step, record.entry, nullptr,
           "is where a cursor of users' transactions stands, which has a place of its own");
  }
}

void HistoryCheck::judge(const Record& record, const Carried& body) {
  const bool is_known = lives_.contains(record.entry);
  Life* life = find_open(record); // tells what is missing
  if (life == nullptr) {
    return;
  }
  if (life->type != Type::unknown) {
    compare(record, *life, body);
    leave_place(record.entry, *life);
    leave_subject(record.entry, *life);
  }
  tally_.entries += is_known ? 0 : 1;
  adopt(record, *life, body);
}

// ── Rows about an entry ──────────────────────────────────────────────────────────────────────────────────────────────────

template <class Body>
void HistoryCheck::judge(const Record& record, const Body& body) {
  Life* life = find_open(record);
  if (life == nullptr) {
    return;
  }
  if (life->type == Type::unknown) {
    follow(record, *life);
    return;
  }
  constexpr bool is_of_hold =
      std::is_same_v<Body, HoldProlonged> || std::is_same_v<Body, HoldReleased> || std::is_same_v<Body, HoldExpired>;
  constexpr Type wanted = is_of_hold ? Type::hold : std::is_same_v<Body, Resumed> ? Type::pause : Type::job;
  if (life->type != wanted) {
    report(Anomaly::step, record.entry, life, "is of another type than its row: " + std::string{name(event_of(record.body))});
    return;
  }
  happen(record, *life, body);
}

void HistoryCheck::judge(const Record& record) {
  if (const auto outside = outside_of(record.body); outside != OutsideId{} && !taken_.insert(outside.value())) {
    report(Anomaly::number, record.entry, nullptr, "comes from a row of a user's transaction that had been taken over before");
  }
  std::visit([&](const auto& body) { judge(record, body); }, record.body);
}

/// Of an entry whose first rows are gone one can only see that it ends once, and that attempts grow.
void HistoryCheck::follow(const Record& record, Life& life) {
  if (const auto* started = std::get_if<Started>(&record.body)) {
    if (started->attempt.value() <= life.attempt) {
      report(Anomaly::attempt, record.entry, &life, "was started again as an attempt that it had had");
    }
    life.attempt = started->attempt.value();
  }
  if (closes_entry(record.body)) {
    close(record.entry, life);
  }
}

void HistoryCheck::expect_state(const Record& record, Life& life, std::initializer_list<JobState> states) {
  if (std::ranges::find(states, life.state) == states.end()) {
    report(Anomaly::step, record.entry, &life,
           "was " + word(life.state) + " when this happened: " + std::string{name(event_of(record.body))}, {life.last});
  }
}

void HistoryCheck::expect_latest(const Record& record, const Life& life, Attempt attempt) {
  if (attempt.value() != life.attempt) {
    report(Anomaly::attempt, record.entry, &life,
           "has had " + std::to_string(life.attempt) + " attempts, and this is about attempt " +
               std::to_string(attempt.value()),
           {life.last});
  }
}

// ── Turns ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// An entry by its public id.
std::string HistoryCheck::told(EntryNumber entry) const {
  return to_string(JobId{extent_.shard, entry});
}

/// The subject must be free, and the entry the oldest of its queue.
void HistoryCheck::begin_turn(const Record& record, Life& life) {
  const EntryNumber number = record.entry;
  Subject& subject = subject_of(life);
  if (subject.turn != nobody) {
    report(Anomaly::overlap, number, &life,
           subject.turn == number ? "began an attempt while the one before was open"
                                  : "got the turn while entry " + told(subject.turn) + " had it",
           {subject.turn_began});
  }
  if (subject.pause != nobody) {
    report(Anomaly::order, number, &life, "got the turn while the subject was paused");
  }
  const auto older =
      std::ranges::find_if(subject.queue, [&](EntryNumber other) { return other != subject.turn && other != number; });
  if (older != subject.queue.end() && *older < number) {
    report(Anomaly::order, number, &life,
           "got the turn while the older job " + told(*older) + " was " + word(lives_.at(*older).state),
           {lives_.at(*older).last});
  }
  life.token = sequence_;
  life.cancel_requested = false;
  life.answerable = true;
  life.retry_at.reset();
  change(number, life, JobState::running);
}

void HistoryCheck::happen(const Record& record, Life& life, const Started& body) {
  if (life.state != JobState::running) { // else begin_turn() says so
    expect_state(record, life, {JobState::waiting, JobState::retrying});
  }
  if (life.state == JobState::retrying && life.retry_at && record.at < *life.retry_at) {
    report(Anomaly::order, record.entry, &life, "was tried again before the moment that its last failure set", {life.last});
  }
  if (body.attempt.value() != life.attempt + 1) {
    report(Anomaly::attempt, record.entry, &life,
           "has had " + std::to_string(life.attempt) + " attempts, and this one is called attempt " +
               std::to_string(body.attempt.value()),
           {life.last});
  }
  life.attempt = body.attempt.value();
  begin_turn(record, life);
}

/// A success is taken until the next attempt starts, unless the worker has given the attempt up itself.
void HistoryCheck::happen(const Record& record, Life& life, const Succeeded& body) {
  expect_latest(record, life, body.attempt);
  if (!life.answerable) {
    report(Anomaly::step, record.entry, &life, "was " + word(life.state) + " and no attempt of it could succeed", {life.last});
  }
  change(record.entry, life, JobState::succeeded);
}

void HistoryCheck::happen(const Record& record, Life& life, const AttemptFailed& body) {
  expect_latest(record, life, body.attempt);
  expect_state(record, life, {JobState::running});
  if ((body.next == JobState::cancelled) != life.cancel_requested) {
    report(Anomaly::step, record.entry, &life,
           life.cancel_requested ? "was asked to stop, and its attempt ended without a success, but it was not cancelled"
                                 : "was cancelled while it ran, though nobody had asked it to stop",
           {life.last});
  }
  life.answerable = body.cause != FailureCause::failed;
  life.retry_at = body.retry_at;
  ++life.failures;
  change(record.entry, life, body.next);
}

void HistoryCheck::happen(const Record& record, Life& life, const Released& body) {
  expect_latest(record, life, body.attempt);
  expect_state(record, life, {JobState::running});
  life.answerable = false;
  life.retry_at = body.retry_at;
  change(record.entry, life, body.retry_at ? JobState::retrying : JobState::waiting);
}

// ── What else happens to jobs ────────────────────────────────────────────────────────────────────────────────────────────

void HistoryCheck::happen(const Record& record, Life& life, const Due& /*body*/) {
  expect_state(record, life, {JobState::scheduled});
  change(record.entry, life, JobState::waiting);
}

void HistoryCheck::happen(const Record& record, Life& life, const CancelRequested& /*body*/) {
  expect_state(record, life, {JobState::running});
  life.cancel_requested = true;
}

void HistoryCheck::happen(const Record& record, Life& life, const Cancelled& /*body*/) {
  expect_state(record, life, {JobState::scheduled, JobState::waiting, JobState::retrying, JobState::halted, JobState::parked});
  change(record.entry, life, JobState::cancelled);
}

void HistoryCheck::happen(const Record& record, Life& life, const Retried& /*body*/) {
  expect_state(record, life, {JobState::retrying, JobState::halted, JobState::parked});
  life.failures = 0;
  life.retry_at.reset();
  change(record.entry, life, JobState::waiting);
}

void HistoryCheck::happen(const Record& record, Life& life, const Replaced& /*body*/) {
  expect_state(record, life, {JobState::waiting});
  if (life.attempt > 0) {
    report(Anomaly::step, record.entry, &life, "was replaced after it had been started", {life.last});
  }
}

void HistoryCheck::happen(const Record& record, Life& life, const WaitExpired& /*body*/) {
  expect_state(record, life, {JobState::scheduled, JobState::waiting, JobState::retrying});
  change(record.entry, life, JobState::failed);
}

void HistoryCheck::happen(const Record& record, Life& life, const Coalesced& body) {
  expect_state(record, life, {JobState::waiting, JobState::retrying, JobState::running});
  if (body.subject != life.subject->first) {
    report(Anomaly::step, record.entry, &life, "absorbed a job of another subject");
  }
}

// ── Holds and pauses ─────────────────────────────────────────────────────────────────────────────────────────────────────

void HistoryCheck::happen(const Record& /*record*/, Life& /*life*/, const HoldProlonged& /*body*/) {}

void HistoryCheck::happen(const Record& record, Life& life, const HoldReleased& /*body*/) {
  close(record.entry, life);
}

void HistoryCheck::happen(const Record& record, Life& life, const HoldExpired& /*body*/) {
  close(record.entry, life);
}

void HistoryCheck::happen(const Record& record, Life& life, const Resumed& /*body*/) {
  close(record.entry, life);
}

// ── Carried rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────

void HistoryCheck::compare(const Record& record, const Life& life, const Carried& body) {
  const auto differs = [&](const std::string& what) {
    report(Anomaly::contradiction, record.entry, &life, "was carried with " + what + " than the rows before it say",
           {life.last});
  };
  const Type type = body.type == CarriedType::job ? Type::job : body.type == CarriedType::hold ? Type::hold : Type::pause;
  if (type != life.type || body.job.subject != life.subject->first) {
    differs("another type or subject");
    return;
  }
  if (type == Type::pause) {
    return;
  }
  if (body.state != life.state) {
    differs("another state (" + word(body.state) + ", not " + word(life.state) + ")");
  }
  if (type == Type::job && (body.attempt.value() != life.attempt || body.failures != life.failures)) {
    differs("other attempts");
  }
  if (body.turn.has_value() != life.answerable || (body.turn && body.turn->open != (life.state == JobState::running))) {
    differs("another turn");
  } else if (body.turn && body.turn->cancel_requested != life.cancel_requested) {
    differs("another word on whether it was asked to stop");
  }
  if (body.turn && body.turn->token != FencingToken{} && life.token != Sequence{} &&
      body.turn->token.value() != life.token.value()) {
    report(Anomaly::token, record.entry, &life, "was carried with a fencing token that is not the one of its turn",
           {life.token});
  }
}

void HistoryCheck::adopt(const Record& record, Life& life, const Carried& body) {
  const Sequence token = life.token;
  life = Life{};
  life.type = body.type == CarriedType::job ? Type::job : body.type == CarriedType::hold ? Type::hold : Type::pause;
  life.state = body.state;
  life.attempt = body.attempt.value();
  life.failures = body.failures;
  life.answerable = body.turn.has_value();
  life.cancel_requested = body.turn && body.turn->cancel_requested;
  life.retry_at = body.state == JobState::retrying ? body.due : std::nullopt;
  life.token = body.turn && body.turn->token != FencingToken{} ? Sequence{body.turn->token.value()} : token;
  life.based_in = segment_;
  enter_subject(life, body.job.subject);
  const Subject& subject = subject_of(life);
  if (life.token >= sequence_) {
    report(Anomaly::token, record.entry, &life, "was carried with a fencing token that is larger than its own number");
  }
  if (life.type != Type::pause && life.state == JobState::running && subject.turn != nobody) {
    report(Anomaly::overlap, record.entry, &life, "was carried with the turn that entry " + told(subject.turn) + " has",
           {subject.turn_began});
  }
  take_place(record.entry, life);
}

} // namespace turnwise::model
