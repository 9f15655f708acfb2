// The oracle of the journal: reads the rows of a shard in the order in which they were written, and says what must not be.
//
// It is written from the promises alone and shares no code with the mailbox, so that a fault of the mailbox cannot hide here.
// For each subject it keeps which entries stand in the queue, who has the turn and whether it is paused; for each open entry
// its state; for what is closed one bit. A new kind of record does not compile until it is handled.
//
// What it cannot see: rows whose absence leaves a history that could have happened. The last row of an entry, unless a later
// turn of its subject shows that the entry must have ended; a job of which `submitted` was the only row; `coalesced`,
// `replaced` and `hold-prolonged` rows; `cancel-requested` before a success.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/number_set.hpp"
#include "model/record.hpp"
#include "model/strong.hpp"

namespace turnwise::model {

enum class Anomaly : std::uint8_t {
  overlap,        ///< a turn began before the last one of its subject had ended
  order,          ///< a turn began while an older entry stood in the queue, while the subject was paused, or before its time
  double_outcome, ///< an entry that had ended ended once more
  after_end,      ///< something else happened to an entry that had ended
  attempt,        ///< attempts that do not grow one by one, or an answer to another attempt than the latest
  token,          ///< a fencing token that is not the one of its turn
  loss,           ///< rows that must be there are missing, or lie where no replay would read them
  number, ///< a number given twice, a row of a transaction taken over twice, or an entry with a larger number than its first
          ///< row
  epoch,  ///< numbers that go back, or are of an epoch that nobody has had
  step,   ///< something that cannot happen to an entry in its state
  contradiction, ///< a carried row that says something else than the rows before it
  unreadable,    ///< a row that this version cannot read
};
std::string_view name(Anomaly anomaly);

struct Finding {
  Anomaly what{};
  ShardId shard;
  std::string subject;             ///< empty when no row told it
  EntryNumber entry;               ///< zero when it is about the shard
  std::vector<Sequence> sequences; ///< of the rows that show it; the latest last
  std::string sentence;
};

/// A segment, and the first number of the shard in it as the journal notes it.
struct SegmentNote {
  std::uint64_t segment{};
  std::optional<Sequence> first;
};

/// What is known of a shard beside its rows.
struct ShardExtent {
  ShardId shard;
  Epoch epoch;                 ///< of its owner now
  std::uint64_t replay_from{}; ///< the segment with which a replay begins
  std::vector<SegmentNote>
      segments; ///< all that there are, oldest first; older ones have been dropped unless this begins with 1
};

/// What was read.
struct HistoryTally {
  std::uint64_t rows{};
  std::uint64_t entries{}; ///< opened or carried
  std::uint64_t open{};    ///< of them, at the end
};

/// Checks one shard. Memory: its open entries, about 200 bytes each, and two bits for each number that it has given.
class HistoryCheck {
public:
  using Report = std::function<void(Finding)>;

  HistoryCheck(ShardExtent extent, Report report);

  /// The next row: segment by segment, oldest first, within a segment by sequence. Texts may be left out.
  void add(std::uint64_t segment, Sequence sequence, const Record& record);
  /// A row that could not be read, in its place.
  void add_unreadable(std::uint64_t segment, Sequence sequence, EntryNumber entry, std::string why);
  /// After the last row: what is missing at the end.
  HistoryTally finish();

private:
  struct Subject {
    std::set<EntryNumber> queue;   // waiting, running, retrying, halted; a hold that has the turn
    EntryNumber turn;              // who has it; zero: nobody
    Sequence turn_began;           // by this row
    EntryNumber pause;             // zero: is not paused
    EntryNumber youngest_accepted; // job
    std::size_t open{};
  };
  using NamedSubject = std::pair<const std::string, Subject>;

  enum class Type : std::uint8_t { unknown, job, hold, pause };
  /// An open entry.
  struct Life {
    Type type{};             // unknown: the rows that opened it are in a segment that is gone
    NamedSubject* subject{}; // null for those
    JobState state{};
    std::uint32_t attempt{};
    std::uint32_t failures{};
    bool answerable{}; // the latest attempt may still succeed
    bool cancel_requested{};
    std::optional<WallTime> retry_at;
    Sequence token;           // of the latest turn; zero: not known
    Sequence last;            // row
    std::uint64_t based_in{}; // newest segment with a row that opens or carries it
  };
  using Lives = std::unordered_map<EntryNumber, Life>;

  // ── Numbers: history_check.cpp ──
  void check_numbers(std::uint64_t segment, Sequence sequence, EntryNumber entry);
  void check_first_row(Sequence sequence);
  void finish_segments(std::uint64_t until);
  [[nodiscard]] bool may_have_opened_before(EntryNumber entry) const;
  Life* open(const Record& record, Type type, const std::string& subject);
  Life* find_open(const Record& record);
  void close(EntryNumber entry, Life& life);
  Subject& subject_of(Life& life) const { return life.subject->second; }
  void enter_subject(Life& life, const std::string& subject);
  void leave_subject(EntryNumber entry, Life& life);
  void take_place(EntryNumber entry, Life& life);
  void leave_place(EntryNumber entry, Life& life);
  void change(EntryNumber entry, Life& life, JobState state);
  void report(Anomaly what, EntryNumber entry, const Life* life, std::string sentence, std::vector<Sequence> others = {});

  // ── Rules: history_check_rules.cpp ──
  void judge(const Record& record);
  void judge(const Record& record, const Submitted& body);
  void judge(const Record& record, const Held& body);
  void judge(const Record& record, const Paused& body);
  void judge(const Record& record, const Carried& body);
  void judge(const Record& record, const Taken& body);
  void judge(const Record& record, const OutsideCursor& body);
  template <class Body>
  void judge(const Record& record, const Body& body);
  void happen(const Record& record, Life& life, const Due& body);
  void happen(const Record& record, Life& life, const Started& body);
  void happen(const Record& record, Life& life, const Succeeded& body);
  void happen(const Record& record, Life& life, const AttemptFailed& body);
  void happen(const Record& record, Life& life, const Released& body);
  void happen(const Record& record, Life& life, const CancelRequested& body);
  void happen(const Record& record, Life& life, const Cancelled& body);
  void happen(const Record& record, Life& life, const Retried& body);
  void happen(const Record& record, Life& life, const Replaced& body);
  void happen(const Record& record, Life& life, const WaitExpired& body);
  void happen(const Record& record, Life& life, const Coalesced& body);
  void happen(const Record& record, Life& life, const HoldProlonged& body);
  void happen(const Record& record, Life& life, const HoldReleased& body);
  void happen(const Record& record, Life& life, const HoldExpired& body);
  void happen(const Record& record, Life& life, const Resumed& body);
  [[nodiscard]] std::string told(EntryNumber entry) const;
  void begin_turn(const Record& record, Life& life);
  void expect_state(const Record& record, Life& life, std::initializer_list<JobState> states);
  void expect_latest(const Record& record, const Life& life, Attempt attempt);
  void follow(const Record& record, Life& life);
  void compare(const Record& record, const Life& life, const Carried& body);
  void adopt(const Record& record, Life& life, const Carried& body);

  const ShardExtent extent_;
  const Report report_;
  HistoryTally tally_;
  std::uint64_t segment_{}; // of the row that is being looked at
  Sequence sequence_;       // of that row
  std::size_t noted_{};     // segments of extent_ that are behind
  bool first_of_segment_{};
  std::unordered_map<std::string, Subject> subjects_; // with open entries
  Lives lives_;
  NumberSet given_; // numbers of rows and entries
  NumberSet ended_; // entries
  NumberSet taken_; // rows of users' transactions that were taken over
};

} // namespace turnwise::model
