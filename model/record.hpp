// What the journal keeps: one record for everything that happens to an entry. A mailbox is the fold of its records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/clock.hpp"
#include "model/policy.hpp"
#include "model/strong.hpp"

namespace turnwise::model {

/// Where a job is. `succeeded`, `failed` and `cancelled` are final.
enum class JobState : std::uint8_t {
  scheduled, ///< run_at lies ahead; not in the mailbox yet
  waiting,   ///< in the mailbox
  running,   ///< has the turn
  retrying,  ///< in the mailbox, at its place, until retry_at
  halted,    ///< out of attempts; stays the head and stops its subject
  parked,    ///< out of attempts; set aside for a person
  succeeded,
  failed,
  cancelled,
};
std::string_view name(JobState state);
std::optional<JobState> job_state(std::string_view name);
constexpr bool is_final(JobState state) {
  return state >= JobState::succeeded;
}

/// In its mailbox, without the turn, and to be started by itself.
constexpr bool is_waiting(JobState state) {
  return state == JobState::waiting || state == JobState::retrying;
}

/// 64 bits of SHA-256 over what a client asked for: tells a repeated request from another one under the same key.
using Fingerprint = std::uint64_t;

/// A job came into being.
struct Submitted {
  std::string subject;
  std::string kind;
  std::string key; ///< idempotency key, or empty
  Fingerprint fingerprint{};
  JobOptions options;
  std::optional<WallTime> run_at;     ///< given: the job starts as scheduled
  std::optional<WallTime> expires_at; ///< given: if it still waits then (see WaitExpired), the job fails
  std::string metadata;               ///< JSON text, or empty
  std::string payload;                ///< JSON text; empty when read without payloads
  std::string traceparent{};          ///< the trace that its submit belongs to (W3C Trace Context), or empty
  OutsideId outside{};                ///< the row of a user's transaction that this took over, if one
  friend bool operator==(const Submitted&, const Submitted&) = default;
};

/// A scheduled job entered its mailbox at the place of its number.
struct Due {
  friend bool operator==(const Due&, const Due&) = default;
};

/// An attempt began. The sequence of this record is its fencing token.
struct Started {
  Attempt attempt;
  Nonce nonce;
  std::string worker;
  Policy policy;          ///< what was decided for this attempt, so that replay asks nobody
  std::string claimant{}; ///< owner of the token that claimed it, see may_answer(); empty when no token was asked for
  friend bool operator==(const Started&, const Started&) = default;
};

/// The job's one accepted success.
struct Succeeded {
  Attempt attempt;
  std::string result;  ///< JSON text, or empty
  OutsideId outside{}; ///< as of Submitted
  friend bool operator==(const Succeeded&, const Succeeded&) = default;
};

enum class FailureCause : std::uint8_t {
  failed,    ///< the worker said so
  expired,   ///< its lease ran out
  timed_out, ///< it ran longer than its timeout
};
std::string_view name(FailureCause cause);

/// An attempt ended without success, and what was decided about the job.
struct AttemptFailed {
  Attempt attempt;
  FailureCause cause{};
  JobState next{};                  ///< retrying, parked, halted, failed or cancelled
  std::optional<WallTime> retry_at; ///< with `retrying`
  std::string error;                ///< plain text
  friend bool operator==(const AttemptFailed&, const AttemptFailed&) = default;
};

/// An attempt was given back unused: the job waits again and no failure is counted. With `retry_at` it backs off until then.
struct Released {
  Attempt attempt;
  std::optional<WallTime> retry_at{};
  friend bool operator==(const Released&, const Released&) = default;
};

/// Somebody asked a running job to stop.
struct CancelRequested {
  friend bool operator==(const CancelRequested&, const CancelRequested&) = default;
};

/// A job that did not run was cancelled.
struct Cancelled {
  friend bool operator==(const Cancelled&, const Cancelled&) = default;
};

/// A person (or client) sent a parked, halted or backing-off job back to work now, with all its attempts.
struct Retried {
  friend bool operator==(const Retried&, const Retried&) = default;
};

/// A waiting job that never started took over what a newer submit asked for, and kept its place.
struct Replaced {
  Fingerprint fingerprint{};
  JobOptions options;
  std::optional<WallTime> expires_at;
  std::string metadata;
  std::string payload;
  std::string traceparent{};
  std::string subject{}; ///< this and the next two with an idempotency key only, which then stands for this job too
  std::string kind{};
  std::string key{};
  OutsideId outside{}; ///< as of Submitted
  friend bool operator==(const Replaced&, const Replaced&) = default;
};

/// A job was still waiting at its expires_at: scheduled, never started, or backing off.
struct WaitExpired {
  friend bool operator==(const WaitExpired&, const WaitExpired&) = default;
};

/// A submit was absorbed by this job, as it was. With an idempotency key: whoever repeats it is told of this job again. Without
/// one it is recorded only when it came from a user's transaction.
struct Coalesced {
  std::string subject;
  std::string kind;
  std::string key;
  Fingerprint fingerprint{};
  OutsideId outside{}; ///< as of Submitted
  friend bool operator==(const Coalesced&, const Coalesced&) = default;
};

/// Outside code has the turn: a hold began. The sequence of this record is its fencing token. A hold that waits for its turn
/// has no record: whoever waits asks again when the shard has changed hands.
struct Held {
  std::string subject;
  std::string owner; ///< who, for people
  milliseconds ttl{};
  std::string claimant{}; ///< as of an attempt
  friend bool operator==(const Held&, const Held&) = default;
};

/// From now on the hold may last this long after a renewal. Renewals by no more than that are not journaled.
struct HoldProlonged {
  milliseconds ttl{};
  friend bool operator==(const HoldProlonged&, const HoldProlonged&) = default;
};

/// Its owner gave the turn back.
struct HoldReleased {
  friend bool operator==(const HoldReleased&, const HoldReleased&) = default;
};

/// Its owner was silent for longer than the ttl.
struct HoldExpired {
  friend bool operator==(const HoldExpired&, const HoldExpired&) = default;
};

/// An operator stopped the subject: the turn that is open ends as it does, and no other begins. Said again, it replaces the
/// words.
struct Paused {
  std::string subject;
  std::string by;
  std::string why;
  friend bool operator==(const Paused&, const Paused&) = default;
};

/// An operator let the subject go on.
struct Resumed {
  std::string by;
  friend bool operator==(const Resumed&, const Resumed&) = default;
};

/// The turn of a carried entry, while it may still be answered.
struct CarriedTurn {
  Nonce nonce;        ///< of a hold: nothing
  std::string worker; ///< of a hold: its owner
  Policy policy;      ///< of a hold: its ttl is the lease
  WallTime started_at;
  FencingToken token; ///< zero: the record that began the turn is replayed with this one, and knows it
  bool open{true};
  bool cancel_requested{};
  std::string claimant{};
  friend bool operator==(const CarriedTurn&, const CarriedTurn&) = default;
};

enum class CarriedType : std::uint8_t { job, hold, pause };
std::string_view name(CarriedType type);
std::optional<CarriedType> carried_type(std::string_view name);

/// The whole state of an entry that is still open while the segment with its earlier records goes out of use. It stands for
/// all of them: a replay that begins with this record needs none.
struct Carried {
  CarriedType type{};
  Submitted job;  ///< as replaced since, under the fingerprint of its key; of a hold or a pause the subject alone
  WallTime since; ///< when it was submitted, held or paused
  JobState state{};
  std::optional<WallTime> due;        ///< of a scheduled or retrying job
  std::optional<WallTime> expires_at; ///< as far as it still counts: a job that was retried by hand has none any more
  Attempt attempt;                    ///< starts so far
  std::uint32_t failures{};           ///< of them, those that counted
  std::optional<CarriedTurn> turn;
  std::string by;  ///< of a pause
  std::string why; ///< of a pause
  friend bool operator==(const Carried&, const Carried&) = default;
};

/// A row of a user's transaction was taken over and changed nothing. Opens no entry: its number is its own.
struct Taken {
  OutsideId outside;
  EntryNumber of;  ///< the job that it led to all the same, if one
  std::string why; ///< for people
  friend bool operator==(const Taken&, const Taken&) = default;
};

/// Rows of users' transactions from one to another.
struct OutsideRange {
  OutsideId first;
  OutsideId last;
  friend bool operator==(const OutsideRange&, const OutsideRange&) = default;
};

/// Which rows of users' transactions the shard has taken over, so that nobody has to read all records that say so one by one.
/// Stands under the number `outside_entry`.
struct OutsideCursor {
  OutsideId to;                   ///< all up to this one,
  std::vector<OutsideRange> gaps; ///< but for these; ascending, apart
  friend bool operator==(const OutsideCursor&, const OutsideCursor&) = default;
};
/// No entry has this number: epochs begin with 1.
inline constexpr EntryNumber outside_entry{1};

using RecordBody = std::variant<Submitted, Due, Started, Succeeded, AttemptFailed, Released, CancelRequested, Cancelled,
                                Retried, Replaced, WaitExpired, Coalesced, Held, HoldProlonged, HoldReleased, HoldExpired,
                                Paused, Resumed, Carried, Taken, OutsideCursor>;

struct Record {
  EntryNumber entry;
  WallTime at; ///< PostgreSQL's clock as the node knew it: for people, never for decisions in replay
  RecordBody body;
  friend bool operator==(const Record&, const Record&) = default;
};

/// What the `event` column holds. Numbers are part of the format: never given twice, never changed.
enum class Event : std::int16_t {
  submitted = 1,
  due = 2,
  started = 3,
  succeeded = 4,
  failed = 5,
  expired = 6,
  timed_out = 7,
  released = 8,
  cancel_requested = 9,
  cancelled = 10,
  retried = 11,
  replaced = 12,
  wait_expired = 13,
  coalesced = 14,
  held = 15,
  hold_prolonged = 16,
  hold_released = 17,
  hold_expired = 18,
  paused = 19,
  resumed = 20,
  carried = 21,
  taken = 22,
  outside_cursor = 23,
};
Event event_of(const RecordBody& body);
std::string_view name(Event event);

/// An idempotency key that a record has made known, with what the request under it was.
struct KeyUse {
  std::string_view subject; ///< this and the others point into the record
  std::string_view kind;
  std::string_view key;
  Fingerprint fingerprint{};
  std::optional<WallTime> at; ///< when, if that was before the record
};
std::optional<KeyUse> key_use(const RecordBody& body);

/// The row of a user's transaction that the record takes over; zero for most.
OutsideId outside_of(const RecordBody& body);

/// About how many bytes of memory and of journal a record takes.
std::size_t bytes_of(const RecordBody& body);

/// The subject that a record names: those that open an entry do. Empty for the others.
std::string_view subject_of(const RecordBody& body);
/// Whether nothing can happen to the entry after this record.
bool closes_entry(const RecordBody& body);

/// The state that the job is in once `body` is applied, where the record alone says it. Nothing for holds and pauses.
std::optional<JobState> state_after(const RecordBody& body);

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

} // namespace turnwise::model
