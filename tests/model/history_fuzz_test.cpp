// The oracle of the journal on recorded histories: clean as they are, and not when a row is taken out or two are exchanged.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>

#include "tests/model/environment.hpp"
#include "tests/model/schedule.hpp"

namespace turnwise::model {

namespace {

/// Rows after which an entry is not where it was.
bool is_step(const RecordBody& body) {
  return !std::holds_alternative<Coalesced>(body) && !std::holds_alternative<Replaced>(body) &&
         !std::holds_alternative<HoldProlonged>(body) && !std::holds_alternative<CancelRequested>(body) &&
         !std::holds_alternative<Paused>(body);
}

bool opens(const RecordBody& body) {
  return std::holds_alternative<Submitted>(body) || std::holds_alternative<Held>(body) || std::holds_alternative<Paused>(body);
}

/// Rows that only an open turn explains.
bool needs_turn(const RecordBody& body) {
  return std::holds_alternative<Succeeded>(body) || std::holds_alternative<AttemptFailed>(body) ||
         std::holds_alternative<Released>(body) || std::holds_alternative<CancelRequested>(body);
}

bool begins_turn(const RecordBody& body) {
  return std::holds_alternative<Started>(body) || std::holds_alternative<Held>(body);
}

/// Whether the rest of the history shows that this row is missing. Not all that does is known here; what is, must be found.
bool is_missed(const std::vector<Numbered>& journal, std::size_t at) {
  const auto& [entry, when, body] = journal[at].record;
  std::vector<const RecordBody*> later; // of the entry
  bool turn_follows = false;            // of another entry
  for (std::size_t next = at + 1; next < journal.size(); ++next) {
    const Record& record = journal[next].record;
    if (record.entry == entry) {
      later.push_back(&record.body);
    }
    turn_follows = turn_follows || (record.entry != entry && begins_turn(record.body));
  }
  const auto is_later = [&](auto wanted) {
    return std::ranges::any_of(later, [&](const auto* each) { return wanted(*each); });
  };
  if (opens(body)) {
    const bool said_again = std::holds_alternative<Paused>(body) &&
                            is_later([](const RecordBody& each) { return std::holds_alternative<Paused>(each); });
    const bool again = std::any_of(journal.begin(), journal.begin() + static_cast<std::ptrdiff_t>(at),
                                   [&](const Numbered& row) { return row.record.entry == entry; });
    return !later.empty() && !said_again && !again;
  }
  if (std::holds_alternative<Started>(body)) {
    return is_later(needs_turn);
  }
  if (const auto* failed = std::get_if<AttemptFailed>(&body); failed != nullptr && !is_final(failed->next)) {
    return is_later(begins_turn);
  }
  if (std::holds_alternative<Released>(body) || std::holds_alternative<Due>(body)) {
    return is_later(begins_turn);
  }
  const bool ended_turn = std::holds_alternative<HoldReleased>(body) || std::holds_alternative<HoldExpired>(body) ||
                          std::holds_alternative<AttemptFailed>(body);
  return ended_turn && turn_follows;
}

} // namespace

TEST_CASE("a recorded history from which a row is taken out is not clean, where the rest shows that it is missing") {
  const std::uint64_t rounds = number_from_environment("TURNWISE_ROUNDS", 150) / 5;
  std::size_t tried = 0;
  for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
    const auto journal = recorded_history(seed, 250);
    REQUIRE_FALSE(check_journal(journal));
    for (std::size_t at = 1; at < journal.size(); ++at) { // the first one is noted with its segment
      if (!is_missed(journal, at)) {
        continue;
      }
      auto without = journal;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(at));
      INFO("seed " << seed << ", record " << journal[at].sequence.value() << ' ' << name(event_of(journal[at].record.body)));
      CHECK(check_journal(without));
      ++tried;
    }
  }
  CHECK(tried > rounds * 20); // not by doing nothing
}

TEST_CASE("a recorded history in which two steps of an entry are exchanged is not clean") {
  const std::uint64_t rounds = number_from_environment("TURNWISE_ROUNDS", 150) / 5;
  std::size_t tried = 0;
  for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
    const auto journal = recorded_history(seed, 250);
    std::mt19937_64 random{seed};
    for (std::size_t at = 1; at < journal.size(); ++at) {
      const std::size_t other = at + 1 + random() % 20;
      if (other >= journal.size() || journal[at].record.entry != journal[other].record.entry ||
          journal[at].record.body == journal[other].record.body || !is_step(journal[at].record.body) ||
          !is_step(journal[other].record.body)) {
        continue;
      }
      auto exchanged = journal;
      std::swap(exchanged[at].record, exchanged[other].record);
      INFO("seed " << seed << ", records " << journal[at].sequence.value() << " and " << journal[other].sequence.value() << ": "
                   << name(event_of(journal[at].record.body)) << ", " << name(event_of(journal[other].record.body)));
      CHECK(check_journal(exchanged));
      ++tried;
    }
  }
  CHECK(tried > rounds);
}

} // namespace turnwise::model
