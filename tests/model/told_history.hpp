// Histories that a test tells row by row, for the oracle of the journal.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/history_check.hpp"

namespace turnwise::model {

using namespace std::chrono_literals;

inline constexpr WallTime noon{1'800'000'000s};

inline CarriedTurn turn_with(Sequence token) {
  CarriedTurn turn;
  turn.token = FencingToken{token.value()};
  return turn;
}

/// A history as a shard would write it: entries and rows have numbers from one counter.
class History {
public:
  struct Row {
    std::uint64_t segment{};
    Sequence sequence;
    Record record;
  };

  EntryNumber take() { return EntryNumber{++last_}; }
  Sequence row(EntryNumber entry, RecordBody body) {
    const Sequence sequence{++last_};
    notes.back().first = notes.back().first.value_or(sequence);
    rows.push_back({notes.back().segment, sequence, {entry, noon, std::move(body)}});
    return sequence;
  }
  EntryNumber submitted(std::optional<WallTime> run_at = {}) {
    const EntryNumber entry = take();
    submitted(entry, run_at);
    return entry;
  }
  void submitted(EntryNumber entry, std::optional<WallTime> run_at = {}) {
    Submitted body;
    body.subject = subject;
    body.kind = "work";
    body.run_at = run_at;
    row(entry, body);
  }
  Sequence started(EntryNumber entry, std::uint32_t attempt = 1) { return row(entry, Started{Attempt{attempt}, {}, "w", {}}); }
  void succeeded(EntryNumber entry, std::uint32_t attempt = 1) { row(entry, Succeeded{Attempt{attempt}, {}}); }
  void ended(EntryNumber entry, std::uint32_t attempt, JobState next, FailureCause cause = FailureCause::failed) {
    row(entry,
        AttemptFailed{Attempt{attempt}, cause, next, next == JobState::retrying ? std::optional{noon} : std::nullopt, ""});
  }
  void released(EntryNumber entry, std::uint32_t attempt = 1) { row(entry, Released{Attempt{attempt}}); }
  EntryNumber held() {
    const EntryNumber entry = take();
    row(entry, Held{subject, "web", 10s});
    return entry;
  }
  EntryNumber paused() {
    const EntryNumber entry = take();
    row(entry, Paused{subject, "ann", "incident"});
    return entry;
  }
  [[nodiscard]] Carried carried(JobState state) const {
    Carried body;
    body.job.subject = subject;
    body.job.kind = "work";
    body.since = noon;
    body.state = state;
    return body;
  }
  /// A job that came, ran and went.
  void passed() {
    const auto job = submitted();
    started(job);
    succeeded(job);
  }
  void next_segment() { notes.push_back({notes.back().segment + 1, std::nullopt}); }
  /// The segments before this one have been dropped.
  void drop_before(std::uint64_t segment) {
    std::erase_if(rows, [&](const Row& row) { return row.segment < segment; });
    std::erase_if(notes, [&](const SegmentNote& note) { return note.segment < segment; });
  }

  [[nodiscard]] std::vector<Finding> findings() const {
    std::vector<Finding> found;
    HistoryCheck check({ShardId{7}, epoch, replay_from, notes}, [&](Finding finding) { found.push_back(std::move(finding)); });
    for (const Row& row : rows) {
      check.add(row.segment, row.sequence, row.record);
    }
    check.finish();
    return found;
  }
  /// What was found, a word each.
  [[nodiscard]] std::string words() const {
    std::string text;
    for (const Finding& finding : findings()) {
      text += (text.empty() ? "" : " ") + std::string{name(finding.what)};
      UNSCOPED_INFO(name(finding.what) << ": " << finding.entry.value() << ' ' << finding.sentence);
    }
    return text;
  }

  std::string subject{"a:1"};
  Epoch epoch{1};
  std::uint64_t replay_from{1};
  std::vector<SegmentNote> notes{{1, std::nullopt}};
  std::vector<Row> rows;

private:
  std::uint64_t last_ = first_number(Epoch{1});
};

} // namespace turnwise::model
