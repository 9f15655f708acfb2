// The mailbox of one subject as a pure state machine: no clock, no I/O, no threads. Commands in, actions out.
//
//   scheduled ──due──▶ waiting ──started──▶ running ──succeeded──▶ (closed)
//                         ▲                   │ failed, expired, timed out
//                         │ released,         ├──▶ retrying  keeps its place until retry_at
//                         │ retried           ├──▶ halted    keeps its place and stops the subject
//                         └───────────────────├──▶ parked    set aside
//                                             └──▶ (closed)  failed, cancelled
//
// `handle` decides and applies at once; what it decided comes out as actions in order. Whoever carries them out must make a
// record durable before any later Reply of its shard leaves, and must append records in the order they came.
//
// `apply` is the one path that live and replay share. It changes only the entry that the record names, so records of
// different entries may be replayed in any order; `adopt` then settles what spans entries, once.
//
// Invariants: at most one turn is open; nothing starts while an older job of the queue is not closed; attempts only grow; a
// job has one accepted outcome.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "model/command.hpp"
#include "model/entry_list.hpp"
#include "model/kind_table.hpp"
#include "model/record.hpp"

namespace turnwise::model {

// ── Actions ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Must be journaled, after every record that came before it.
struct Append {
  Record record;
  // Of the job that it is about; nothing for holds, pauses, and records that change nothing.
  std::optional<KindId> kind{};
  std::optional<JobState> before{}; ///< nothing: it was not there
  std::optional<JobState> after{};  ///< nothing: it is closed
};
/// Goes out when every record before it is durable.
struct Reply {
  Ticket ticket;
  Response response;
};
/// The claim concerns an entry that is not open here: only the journal knows what became of it.
struct AskJournal {
  Command command;
};
/// Answer to ListOpen: the entries. And, with none, what follows the records that Carry made.
struct Listed {
  std::vector<EntryNumber> entries; ///< ascending
  std::uint64_t round{};            ///< of the command
};
/// The turn of this entry has run out, and Tick did not allow to end it.
struct WantsEnd {
  EntryNumber entry;
};
using Action = std::variant<Append, Reply, AskJournal, Listed, WantsEnd>;

// ── What a mailbox needs from outside to decide ──────────────────────────────────────────────────────────────────────────

/// Knows why no job of a kind starts now, if so. Asked for stories only: decisions are not made here.
class KindWaits {
public:
  virtual ~KindWaits() = default;
  [[nodiscard]] virtual std::optional<KindWait> wait_of(KindId kind) const = 0;
};

struct Context {
  ShardId shard;
  Now now;
  KindTable& kinds;
  std::uint64_t random{};   ///< fresh for each command: spreads the backoff
  const KindWaits* waits{}; ///< null: all kinds may start
};

/// What the subject's next step waits for.
struct Head {
  enum class Status : std::uint8_t {
    empty,   ///< nothing in the queue
    ready,   ///< `entry` of `kind` can start
    busy,    ///< a job's turn is open
    held,    ///< outside code has the turn
    later,   ///< the head backs off
    stopped, ///< the head is halted, or the subject is paused
  };
  Status status{};
  EntryNumber entry;
  KindId kind;
};

/// Movable; what was moved from is an empty mailbox.
class Mailbox {
public:
  Mailbox() = default;
  ~Mailbox() = default;
  Mailbox(Mailbox&& other) noexcept
      : queue_(std::move(other.queue_)), running_(std::exchange(other.running_, nobody)), rare_(std::move(other.rare_)) {}
  Mailbox& operator=(Mailbox&& other) noexcept {
    queue_ = std::move(other.queue_);
    running_ = std::exchange(other.running_, nobody);
    rare_ = std::move(other.rare_);
    return *this;
  }

  /// Decides about one command. Appends to `actions`; never blocks, never throws but for memory.
  void handle(Command command, const Context& context, std::vector<Action>& actions);

  /// Folds one record in. `sequence` is that of the journal in replay, and unknown (zero) live.
  void apply(const Record& record, Sequence sequence, KindTable& kinds);

  /// Takes over the entries of `other`, none of which is here. Part of a replay, before adopt().
  void absorb(Mailbox&& other);

  /// Ends a replay: open turns get a whole lease from now on, since their workers may have heard from a node that is gone.
  void adopt(Now now);

  [[nodiscard]] Head head(Now now) const;
  /// When Tick has something to do next, if ever.
  [[nodiscard]] std::optional<MonoTime> next_timer(Now now) const;
  /// Entries that are not closed.
  [[nodiscard]] std::size_t open_count() const {
    return queue_.size() + (rare_ ? rare_->outside.size() + (rare_->pause ? 1 : 0) : 0);
  }
  [[nodiscard]] bool empty() const { return open_count() == 0; }
  /// What Describe says of one job, or nothing when it is not open.
  [[nodiscard]] std::optional<JobView> view(EntryNumber entry, const Context& context) const;
  /// Entries with a turn that may still be answered: open ones, and ended ones that nobody superseded.
  [[nodiscard]] std::vector<EntryNumber> answerable() const;
  /// The token of the open turn as replay found it; zero when none is open, or when it began live.
  [[nodiscard]] FencingToken open_token() const;
  /// Open entries from `from` on and before `until`, ascending, at most `max`. Holds that wait are in no journal, and not here.
  [[nodiscard]] std::vector<EntryNumber> open_entries(EntryNumber from, EntryNumber until, std::size_t max) const;
  /// The state of an open entry as a record that stands for all earlier ones; nothing when it is not open. What a mailbox does
  /// not know is left out: the subject, and of a job all but its kind.
  [[nodiscard]] std::optional<Carried> carried(EntryNumber number, const KindTable& kinds) const;
  /// The kind of the job that has the turn, and since when it has; nothing when none has.
  struct Running {
    KindId kind;
    WallTime since;
  };
  [[nodiscard]] std::optional<Running> running_job() const;
  /// Calls `visit(kind)` for each job that is in the mailbox and does not run.
  template <class Visit>
  void each_waiting(Visit visit) const {
    queue_.for_each([&visit](const Entry& entry) {
      if (entry.type == EntryType::job && is_waiting(entry.state)) {
        visit(entry.kind);
      }
    });
  }
  /// Open entries of this subject that the filter lets through, ascending. `from` names the subject.
  [[nodiscard]] ListPage list(const ListFilter& filter, const ListPlace& from, const ListBounds& bounds,
                              const Context& context) const;
  /// Gives up all holds that wait; returns the tickets that are owed an answer.
  std::vector<Ticket> take_waiting();

  /// Same jobs in the same states with the same turns; deadlines and tokens are not compared.
  [[nodiscard]] bool same_jobs_as(const Mailbox& other) const;

private:
  // One overload per command and per record: a new one does not compile until it is handled.
  void decide(Submit& command, const Context& context, std::vector<Action>& actions);
  void decide(Start& command, const Context& context, std::vector<Action>& actions);
  void decide(Complete& command, const Context& context, std::vector<Action>& actions);
  void decide(Fail& command, const Context& context, std::vector<Action>& actions);
  void decide(Release& command, const Context& context, std::vector<Action>& actions);
  void decide(Heartbeat& command, const Context& context, std::vector<Action>& actions);
  void decide(Cancel& command, const Context& context, std::vector<Action>& actions);
  void decide(RetryNow& command, const Context& context, std::vector<Action>& actions);
  void decide(Tick& command, const Context& context, std::vector<Action>& actions);
  void decide(Describe& command, const Context& context, std::vector<Action>& actions);
  void decide(Recall& command, const Context& context, std::vector<Action>& actions);
  void decide(Locate& command, const Context& context, std::vector<Action>& actions);
  void decide(TakeHold& command, const Context& context, std::vector<Action>& actions);
  void decide(RenewHold& command, const Context& context, std::vector<Action>& actions);
  void decide(ReleaseHold& command, const Context& context, std::vector<Action>& actions);
  void decide(Pause& command, const Context& context, std::vector<Action>& actions);
  void decide(Resume& command, const Context& context, std::vector<Action>& actions);
  void decide(ListOpen& command, const Context& context, std::vector<Action>& actions);
  void decide(Carry& command, const Context& context, std::vector<Action>& actions);
  void decide(ShowOpen& command, const Context& context, std::vector<Action>& actions);

  void fold(EntryNumber number, const Submitted& body, WallTime at, KindTable& kinds);
  void fold(Entry& entry, const Due& body);
  void fold(Entry& entry, const Started& body, WallTime at, Sequence sequence);
  void fold(Entry& entry, const AttemptFailed& body);
  void fold(Entry& entry, const Released& body, WallTime at);
  void fold(Entry& entry, const CancelRequested& body);
  void fold(Entry& entry, const Retried& body, WallTime at);
  void fold(Entry& entry, const Replaced& body);
  void fold(Entry& entry, const HoldProlonged& body);
  static void fold(Entry& /*entry*/, const Coalesced& /*body*/) {}
  static void fold(Entry& /*entry*/, const Taken& /*body*/) {}         // of no entry
  static void fold(Entry& /*entry*/, const OutsideCursor& /*body*/) {} // of no entry
  void fold(Entry& entry, const Succeeded&) { close(entry.number); }
  void fold(Entry& entry, const Cancelled&) { close(entry.number); }
  void fold(Entry& entry, const WaitExpired&) { close(entry.number); }
  void fold(Entry& entry, const HoldReleased&) { close(entry.number); }
  void fold(Entry& entry, const HoldExpired&) { close(entry.number); }
  void fold(EntryNumber number, const Held& body, WallTime at, Sequence sequence);
  void fold(EntryNumber number, const Paused& body, WallTime at);
  void fold(EntryNumber number, const Resumed& body);
  void fold(EntryNumber number, const Carried& body, KindTable& kinds);

  /// Applies the record and asks for it to be journaled.
  void record(EntryNumber entry, RecordBody body, const Context& context, std::vector<Action>& actions);

  // Submitting.
  bool coalesce(Submit& command, const Context& context, std::vector<Action>& actions);

  // Attempts.
  /// The entry whose latest attempt this claim is. Otherwise nullptr, and the command is answered or sent to the journal.
  template <class Answer>
  Entry* claimed(Answer& command, std::vector<Action>& actions);
  Outcome end_attempt(const Entry& entry, FailureCause cause, std::string_view error, Retry retry,
                      std::optional<milliseconds> retry_after, const Context& context, std::vector<Action>& actions);
  void end_overdue_turn(const Tick& tick, const Context& context, std::vector<Action>& actions);

  // Holds and pauses.
  [[nodiscard]] bool is_paused() const { return rare_ && rare_->pause; }
  [[nodiscard]] bool is_free() const { return queue_.empty() && !is_paused(); }
  void grant_hold(const Context& context, std::vector<Action>& actions);
  void give_up_waits(const Context& context, std::vector<Action>& actions);
  /// The hold, if it has the turn and whoever asks may answer for it. Otherwise nullptr, and the command is answered.
  template <class Answer>
  Entry* claimed_hold(Answer& command, std::vector<Action>& actions);
  [[nodiscard]] std::optional<TurnView> turn_view(Now now) const;
  [[nodiscard]] std::optional<PauseView> pause_view() const;
  [[nodiscard]] SubjectBusy say_busy(Now now) const;

  // Moments.
  bool settle_alarms(const Context& context, std::vector<Action>& actions);
  [[nodiscard]] bool is_expired(const Entry& entry, WallTime now) const;
  void set_alarm(EntryNumber entry, WallTime at);
  void set_expiry(EntryNumber entry, std::optional<WallTime> at);
  void renew_expiry_alarm(EntryNumber entry);
  void prune_alarms();

  // Looking.
  [[nodiscard]] Entry* find(EntryNumber number);
  [[nodiscard]] const Entry* find(EntryNumber number) const { return const_cast<Mailbox*>(this)->find(number); }
  /// The entry, unless it is a hold.
  [[nodiscard]] Entry* find_job(EntryNumber number);
  [[nodiscard]] const Entry* find_job(EntryNumber number) const { return const_cast<Mailbox*>(this)->find_job(number); }
  [[nodiscard]] const Entry* running() const { return running_ == nobody ? nullptr : find(running_); }
  [[nodiscard]] const Entry* next_up() const;
  [[nodiscard]] bool is_busy() const;
  [[nodiscard]] std::uint64_t position(EntryNumber number) const;
  [[nodiscard]] JobView describe(const Entry& entry, const Context& context) const;
  void explain_wait(const Entry& entry, WallTime now, JobView& view) const;
  [[nodiscard]] ListItem list_item(const Entry& entry, const Context& context) const;

  Entry& move_inside(EntryNumber number);
  Entry& move_outside(EntryNumber number);
  void close(EntryNumber number);

  struct Alarm {
    WallTime at;
    EntryNumber entry;
    friend auto operator<=>(const Alarm&, const Alarm&) = default;
  };
  using Alarms = std::priority_queue<Alarm, std::vector<Alarm>, std::greater<>>;
  /// What there is of a hold before its turn: in memory alone.
  struct WaitingHold {
    std::string subject;
    std::string owner;
    milliseconds ttl{};
    MonoTime arrived;
    MonoTime give_up_at;
    Ticket ticket;
    std::string claimant;
  };
  struct PauseEntry {
    EntryNumber number;
    PauseView words;
  };
  /// Most mailboxes never need these.
  struct Rare {
    EntryList outside;                                     ///< scheduled and parked
    std::unordered_map<EntryNumber, WallTime> expirations; ///< of the open entries that have an expires_at
    Alarms alarms; ///< run_at and expires_at, earliest first; whether one still means something is seen when it goes off
    std::unordered_map<EntryNumber, WaitingHold> waiting_holds; ///< those of the queue that do not have the turn
    std::optional<PauseEntry> pause;
  };
  Rare& rare();
  void drop_rare_if_empty();

  static constexpr EntryNumber nobody{};

  EntryList queue_;     ///< waiting, running, retrying, halted
  EntryNumber running_; ///< the entry with the open turn, or nobody
  std::unique_ptr<Rare> rare_;
};

} // namespace turnwise::model
