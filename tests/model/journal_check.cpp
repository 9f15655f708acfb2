// What a journal tells by its records alone: what the history check finds in it, and the rare stories in it.
#include <map>

#include "model/history_check.hpp"
#include "tests/model/schedule.hpp"

namespace turnwise::model {

std::optional<std::string> check_journal(const std::vector<Numbered>& journal) {
  if (journal.empty()) {
    return std::nullopt;
  }
  std::optional<std::string> fault;
  HistoryCheck check(
      {.shard = ShardId{1}, .epoch = Epoch{epoch_limit - 1}, .replay_from = 1, .segments = {{1, journal.front().sequence}}},
      [&](Finding found) {
        if (!fault) {
          fault = std::string{name(found.what)} + ": #" + std::to_string(found.entry.value()) + " " + found.sentence +
                  " (record " + std::to_string(found.sequences.back().value()) + ")";
        }
      });
  for (const auto& [sequence, record] : journal) {
    check.add(1, sequence, record);
  }
  check.finish();
  return fault;
}

void count_rarities(const std::vector<Numbered>& journal, Counts& seen) {
  std::map<EntryNumber, Event> last;
  std::map<EntryNumber, bool> overtaken; // a younger job was started since it was parked
  for (const auto& [sequence, record] : journal) {
    const Event event = event_of(record.body);
    const Event before = last.contains(record.entry) ? last[record.entry] : event;
    last[record.entry] = event;
    if (event == Event::succeeded && (before == Event::expired || before == Event::timed_out)) {
      ++seen["late success"];
    }
    if (state_after(record.body) == JobState::parked) {
      overtaken[record.entry] = false;
    }
    if (event == Event::started) {
      for (auto& [parked, passed] : overtaken) {
        passed = passed || record.entry > parked;
      }
    }
    if (event == Event::retried && overtaken.contains(record.entry) && overtaken[record.entry]) {
      ++seen["parked job retried after younger ones ran"];
    }
    if (const auto* failed = std::get_if<AttemptFailed>(&record.body)) {
      ++seen["attempt failed, then " + std::string{name(failed->next)}];
    }
  }
}

} // namespace turnwise::model
