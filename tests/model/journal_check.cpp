// What a journal tells by its records alone: its invariants, and the rare stories in it.
#include <map>

#include "tests/model/schedule.hpp"

namespace turnwise::model {

namespace {

struct Life {
  JobState state{};
  std::uint32_t attempt{};
  bool is_pause{};
};
using Lives = std::map<EntryNumber, Life>;

bool holds_others_back(const Life& life) {
  return life.state == JobState::waiting || life.state == JobState::running || life.state == JobState::retrying ||
         life.state == JobState::halted;
}

std::optional<std::string> check_turn(const Lives& lives, EntryNumber entry) {
  for (const auto& [number, life] : lives) {
    if (life.is_pause) {
      return "the subject was paused";
    }
    if (life.state == JobState::running) {
      return "a turn was open already";
    }
    if (number < entry && holds_others_back(life)) {
      return "an older job was " + std::string{name(life.state)};
    }
  }
  return std::nullopt;
}

std::optional<std::string> check_start(const Lives& lives, EntryNumber entry, const Started& body) {
  if (body.attempt.value() <= lives.at(entry).attempt) {
    return "its attempts do not grow";
  }
  return check_turn(lives, entry);
}

std::optional<std::string> check_record(Lives& lives, const Record& record) {
  if (std::holds_alternative<Submitted>(record.body)) {
    if (lives.contains(record.entry)) {
      return "it was there before";
    }
    lives[record.entry].state = *state_after(record.body);
    return std::nullopt;
  }
  if (std::holds_alternative<Held>(record.body)) {
    auto fault = check_turn(lives, record.entry);
    lives[record.entry].state = JobState::running;
    return fault;
  }
  if (std::holds_alternative<Paused>(record.body)) {
    lives[record.entry] = {JobState::scheduled, 0, true};
    return std::nullopt;
  }
  const auto place = lives.find(record.entry);
  if (place == lives.end()) {
    return "it was never submitted";
  }
  Life& life = place->second;
  if (is_final(life.state)) {
    return "it had its outcome already";
  }
  if (const auto* started = std::get_if<Started>(&record.body)) {
    if (auto fault = check_start(lives, record.entry, *started)) {
      return fault;
    }
    life.attempt = started->attempt.value();
  }
  if (const auto* succeeded = std::get_if<Succeeded>(&record.body); succeeded && succeeded->attempt.value() != life.attempt) {
    return "a superseded attempt was taken";
  }
  life.state = state_after(record.body).value_or(life.state);
  if (closes_entry(record.body)) {
    life.is_pause = false;
    life.state = is_final(life.state) ? life.state : JobState::cancelled;
  }
  return std::nullopt;
}

} // namespace

std::optional<std::string> check_journal(const std::vector<Numbered>& journal) {
  Lives lives;
  for (const auto& [sequence, record] : journal) {
    if (auto fault = check_record(lives, record)) {
      return "record " + std::to_string(sequence.value()) + ", " + std::string{name(event_of(record.body))} + " of job #" +
             std::to_string(record.entry.value()) + ": " + *fault;
    }
  }
  return std::nullopt;
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
