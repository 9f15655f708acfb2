// The oracle of the journal: numbers, and where entries stand.
#include "model/history_check.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace turnwise::model {

namespace {

constexpr EntryNumber nobody{};

Epoch epoch_of(std::uint64_t number) {
  return Epoch{static_cast<std::uint32_t>(number >> sequence_counter_bits)};
}

} // namespace

std::string_view name(Anomaly anomaly) {
  static constexpr std::array<std::string_view, 12> names{"overlap", "order", "double-outcome", "after-end",
                                                          "attempt", "token", "loss",           "number",
                                                          "epoch",   "step",  "contradiction",  "unreadable"};
  return names.at(static_cast<std::size_t>(anomaly));
}

HistoryCheck::HistoryCheck(ShardExtent extent, Report report) : extent_(std::move(extent)), report_(std::move(report)) {}

void HistoryCheck::add(std::uint64_t segment, Sequence sequence, const Record& record) {
  check_numbers(segment, sequence, record.entry);
  judge(record);
  if (const auto life = lives_.find(record.entry); life != lives_.end()) {
    life->second.last = sequence;
  }
}

void HistoryCheck::add_unreadable(std::uint64_t segment, Sequence sequence, EntryNumber entry, std::string why) {
  check_numbers(segment, sequence, entry);
  report(Anomaly::unreadable, entry, nullptr, std::move(why));
}

// ── Numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

void HistoryCheck::check_numbers(std::uint64_t segment, Sequence sequence, EntryNumber entry) {
  const Sequence before = std::exchange(sequence_, sequence);
  ++tally_.rows;
  if (segment != segment_) {
    segment_ = segment;
    finish_segments(segment);
    first_of_segment_ = true;
  }
  if (std::exchange(first_of_segment_, false)) {
    check_first_row(sequence);
  }
  if (sequence < before) {
    const bool epoch_goes_back = epoch_of(sequence.value()) < epoch_of(before.value());
    report(Anomaly::epoch, entry, nullptr,
           epoch_goes_back ? "was written by an owner whose epoch was over" : "has a smaller number than the row before it",
           {before});
  }
  if (epoch_of(sequence.value()) > extent_.epoch) {
    report(Anomaly::epoch, entry, nullptr, "has a number of an epoch that nobody has had yet");
  }
  if (!given_.insert(sequence.value())) {
    report(Anomaly::number, entry, nullptr, "has a row whose number was given before");
  }
}

/// A replay and every lookup by number go by what is noted.
void HistoryCheck::check_first_row(Sequence sequence) {
  const auto& notes = extent_.segments;
  if (noted_ == notes.size() || notes[noted_].segment != segment_) {
    report(Anomaly::loss, nobody, nullptr, "has rows in a segment that the journal does not list");
    return;
  }
  const auto& first = notes[noted_++].first;
  const std::string here = "segment " + std::to_string(segment_);
  if (!first) {
    report(Anomaly::loss, nobody, nullptr,
           "has rows in " + here + " which no replay would read: its first row there is not noted");
  } else if (*first < sequence) {
    report(Anomaly::loss, nobody, nullptr, "had an earlier row in " + here + ": the one that is noted as its first is missing",
           {*first});
  } else if (sequence < *first) {
    report(Anomaly::loss, nobody, nullptr, "has a row in " + here + " before the one that is noted as its first", {*first});
  }
}

/// Segments before `until` are behind: those with a note had a row.
void HistoryCheck::finish_segments(std::uint64_t until) {
  for (; noted_ < extent_.segments.size() && extent_.segments[noted_].segment < until; ++noted_) {
    const SegmentNote& note = extent_.segments[noted_];
    if (note.first) {
      report(Anomaly::loss, nobody, nullptr,
             "had a row in segment " + std::to_string(note.segment) + ", and has none there any more", {*note.first});
    }
  }
}

/// Whether rows of the entry may be in segments that have been dropped.
bool HistoryCheck::may_have_opened_before(EntryNumber entry) const {
  const auto& notes = extent_.segments;
  if (notes.empty() || notes.front().segment <= 1) {
    return false;
  }
  const auto first = std::ranges::find_if(notes, [](const SegmentNote& note) { return note.first.has_value(); });
  return first == notes.end() || entry.value() < first->first->value();
}

// ── Entries ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A new entry, or nothing when there is one of this number.
HistoryCheck::Life* HistoryCheck::open(const Record& record, Type type, const std::string& subject) {
  const EntryNumber number = record.entry;
  if (const auto known = lives_.find(number); known != lives_.end()) {
    report(Anomaly::number, number, &known->second, "was opened twice", {known->second.last});
    return nullptr;
  }
  if (ended_.contains(number.value())) {
    report(Anomaly::after_end, number, nullptr, "was opened after its end");
    return nullptr;
  }
  Life& life = lives_[number];
  life.type = type;
  life.based_in = segment_;
  enter_subject(life, subject);
  ++tally_.entries;
  if (number.value() >= sequence_.value()) {
    report(Anomaly::number, number, &life, "has a larger number than the row that opened it");
  } else if (!given_.insert(number.value())) {
    report(Anomaly::number, number, &life, "has a number that was given to a row");
  }
  return &life;
}

/// The entry, which something happens to; nothing when it has ended. Of one that nothing opened, little is known.
HistoryCheck::Life* HistoryCheck::find_open(const Record& record) {
  const EntryNumber number = record.entry;
  if (const auto known = lives_.find(number); known != lives_.end()) {
    return &known->second;
  }
  const std::string event{name(event_of(record.body))};
  if (ended_.contains(number.value())) {
    report(closes_entry(record.body) ? Anomaly::double_outcome : Anomaly::after_end, number, nullptr,
           "had ended already: " + event);
    return nullptr;
  }
  if (!may_have_opened_before(number)) {
    report(Anomaly::loss, number, nullptr, "has a row (" + event + ") but none that opened it");
  }
  return &lives_[number];
}

void HistoryCheck::close(EntryNumber entry, Life& life) {
  if (life.subject != nullptr) {
    leave_place(entry, life);
    leave_subject(entry, life);
  }
  ended_.insert(entry.value());
  lives_.erase(entry);
}

void HistoryCheck::enter_subject(Life& life, const std::string& subject) {
  life.subject = &*subjects_.try_emplace(subject).first;
  ++subject_of(life).open;
}

void HistoryCheck::leave_subject(EntryNumber /*entry*/, Life& life) {
  if (--subject_of(life).open == 0) {
    subjects_.erase(subjects_.find(life.subject->first));
  }
  life.subject = nullptr;
}

void HistoryCheck::take_place(EntryNumber entry, Life& life) {
  Subject& subject = subject_of(life);
  if (life.type == Type::pause) {
    subject.pause = entry;
    return;
  }
  if (life.state != JobState::scheduled && life.state != JobState::parked) {
    subject.queue.insert(entry);
  }
  if (life.state == JobState::running) {
    subject.turn = entry;
    subject.turn_began = life.token;
  }
}

void HistoryCheck::leave_place(EntryNumber entry, Life& life) {
  Subject& subject = subject_of(life);
  subject.queue.erase(entry);
  subject.turn = subject.turn == entry ? nobody : subject.turn;
  subject.pause = subject.pause == entry ? nobody : subject.pause;
}

void HistoryCheck::change(EntryNumber entry, Life& life, JobState state) {
  leave_place(entry, life);
  life.state = state;
  if (is_final(state)) {
    close(entry, life);
  } else {
    take_place(entry, life);
  }
}

// ── Findings ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

void HistoryCheck::report(Anomaly what, EntryNumber entry, const Life* life, std::string sentence,
                          std::vector<Sequence> others) {
  if (life == nullptr) {
    const auto known = lives_.find(entry);
    life = known == lives_.end() ? nullptr : &known->second;
  }
  Finding finding;
  finding.what = what;
  finding.shard = extent_.shard;
  finding.subject = life != nullptr && life->subject != nullptr ? life->subject->first : "";
  finding.entry = entry;
  finding.sequences = std::move(others);
  finding.sequences.push_back(sequence_);
  finding.sentence = std::move(sentence);
  report_(std::move(finding));
}

HistoryTally HistoryCheck::finish() {
  finish_segments(~std::uint64_t{0});
  std::vector<EntryNumber> open;
  for (const auto& [number, life] : lives_) {
    open.push_back(number);
  }
  std::ranges::sort(open);
  for (const EntryNumber number : open) {
    const Life& life = lives_.at(number);
    sequence_ = life.last;
    if (life.type == Type::unknown) {
      if (may_have_opened_before(number)) { // else it has been told
        report(Anomaly::loss, number, &life, "is open, and no row that is left opens or carries it");
      }
    } else if (life.based_in < extent_.replay_from) {
      report(Anomaly::loss, number, &life,
             "is open, but the replay begins with segment " + std::to_string(extent_.replay_from) +
                 ", after the last row that opens or carries it");
    }
  }
  tally_.open = lives_.size();
  return tally_;
}

} // namespace turnwise::model
