// What can be asked of a mailbox, and what it answers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/clock.hpp"
#include "model/entry_list.hpp"
#include "model/errors.hpp"
#include "model/listing.hpp"
#include "model/policy.hpp"
#include "model/record.hpp"
#include "model/strong.hpp"

namespace turnwise::model {

// ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

enum class Disposition : std::uint8_t {
  accepted,  ///< a new job
  duplicate, ///< the job that the same idempotency key created before
  coalesced, ///< the job that was there already
  replaced,  ///< the waiting job, which took over payload and options
};
std::string_view name(Disposition disposition);

/// Answer to Submit.
struct Accepted {
  ShardId shard;
  EntryNumber entry;
  JobState state{};
  Disposition disposition{};
  std::uint64_t position{}; ///< jobs of the subject that are to end before this one starts
};

/// Answer to Start: the turn, once its record is durable.
struct Grant {
  ShardId shard;
  EntryNumber entry;
  Attempt attempt;
  Nonce nonce;
  FencingToken fencing_token; ///< filled in from the commit
  milliseconds lease{};       ///< as long as the policy says, but not past the attempt's timeout
  MonoTime deadline;          ///< when the node ends the lease if it hears nothing, by its own clock
  milliseconds queued{};      ///< how long the job could have been started before it was
  std::string subject;
  std::string kind;
  std::string payload;
  std::string metadata;
  std::string traceparent; ///< as in Submitted
};

/// Answer to Start when there was nothing (any more) to start.
struct NothingToStart {};

/// Answer to Complete, Fail and Release: the outcome that now stands.
struct Outcome {
  JobState state{};
  std::optional<WallTime> retry_at;
};

/// Answer to Heartbeat.
struct Extended {
  milliseconds lease{};
  bool cancel{}; ///< somebody asked the job to stop
};

/// Answer to Cancel and Retry.
struct Changed {
  JobState state{};
  bool cancel_requested{}; ///< the job runs and was asked to stop
};

/// Answer to TakeHold: outside code has the turn.
struct HoldGrant {
  ShardId shard;
  EntryNumber entry;
  FencingToken fencing_token; ///< filled in from the commit
  milliseconds ttl{};
  milliseconds waited{}; ///< the owner's deadline is its own clock when it sent the request, plus this, plus the ttl
  WallTime expires_at;   ///< for people
};

/// Answer to ReleaseHold.
struct HoldGone {};

/// Why a job does not run now.
enum class WaitReason : std::uint8_t {
  none,        ///< it runs, or is final
  no_worker,   ///< it is next; no worker of its kind has taken it yet
  behind,      ///< an older job of its subject is to end first
  behind_turn, ///< a younger job of its subject has the turn
  behind_hold, ///< outside code has the turn, or waits for it in front
  paused,      ///< it is next, and an operator has stopped the subject
  kind_paused, ///< it is next, and an operator has stopped its kind
  kind_limit,  ///< it is next, and as many jobs of its kind run here as may
  scheduled,   ///< run_at lies ahead
  backing_off, ///< retry_at lies ahead
  halted,      ///< it is out of attempts and stops its subject
  parked,      ///< it is out of attempts and set aside
};
std::string_view name(WaitReason reason);

/// Who stopped the subject or the kind, and why.
struct PauseView {
  std::string by;
  std::string why;
  WallTime since;
  friend bool operator==(const PauseView&, const PauseView&) = default;
};

/// What keeps all jobs of a kind from starting: a pause, or else a limit.
struct KindWait {
  std::optional<PauseView> pause;
  std::uint32_t limit{}; ///< how many may run here at a time
};

struct JobView {
  EntryNumber entry;
  std::string kind;
  JobState state{};
  Attempt attempt;
  WaitReason reason{};
  EntryNumber behind;                  ///< with `behind`, `behind_turn` and `behind_hold`
  std::optional<WallTime> due;         ///< run_at of a scheduled, retry_at of a retrying job
  std::uint64_t position{};            ///< as in Accepted
  std::optional<KindWait> kind_wait{}; ///< with `kind_paused` and `kind_limit`
};

/// Who has the turn.
struct TurnView {
  EntryType type{};
  EntryNumber entry;
  Attempt attempt;    ///< of a job
  std::string worker; ///< or the owner of a hold
  WallTime started_at;
  WallTime deadline; ///< of the lease
  FencingToken fencing_token;
  bool cancel_requested{};
};

/// Answer to Pause and Resume: how it stands now.
struct PauseChanged {
  std::optional<PauseView> pause;
};

/// Answer to TakeHold when the subject is busy, at once or after the wait.
struct SubjectBusy {
  std::optional<TurnView> turn;
  std::optional<PauseView> pause;
  std::uint64_t queue_length{};
};

/// Answer to Describe.
struct SubjectView {
  std::optional<TurnView> turn;
  std::optional<PauseView> pause;
  std::uint64_t queue_length{};  ///< jobs in the mailbox, and holds that have the turn or wait for it
  std::uint64_t outside_count{}; ///< scheduled and parked ones
  std::vector<JobView> jobs;     ///< in order, up to the limit asked for: mailbox first, then those outside
};

/// An open entry in a list.
struct ListItem {
  std::string subject;
  EntryType type{};
  JobView view;                             ///< of a hold: entry and state alone
  std::string owner;                        ///< the worker of a running job, the owner of a hold
  std::optional<WallTime> since;            ///< it is in this state, where that is known
  std::optional<WallTime> lease_expires_at; ///< while it has the turn
  ShardId shard;
};

/// Answer to ShowOpen.
struct ListPage {
  std::vector<ListItem> items;
  std::optional<ListPlace> next; ///< where the list goes on; nothing at its end
  std::size_t looked_at{};       ///< entries and subjects
};

struct JobStory;
struct Kind;
struct FinishedJobs;

/// Pointers are never null.
using Response = std::variant<Error, Accepted, Grant, NothingToStart, Outcome, Extended, Changed, SubjectView,
                              std::shared_ptr<const JobStory>, HoldGrant, HoldGone, SubjectBusy, PauseChanged,
                              std::shared_ptr<const Kind>, std::shared_ptr<ListPage>, std::shared_ptr<const FinishedJobs>>;

/// Where answers go. Implementations are called from actor threads, once per item, and must not block.
class Recipient {
public:
  virtual ~Recipient() = default;
  /// The answer to item number `item` of the request.
  virtual void deliver(std::uint32_t item, Response response) = 0;
};

/// One answer owed. The mailbox carries it and never looks inside. Shared: the request may have gone away meanwhile.
struct Ticket {
  std::shared_ptr<Recipient> to;
  std::uint32_t item{};
};

// ── Commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

enum class Coalesce : std::uint8_t {
  never,
  skip,      ///< nothing if a job of the kind is waiting, retrying or running
  once_more, ///< nothing if one is waiting: at most one behind the running one
  replace,   ///< a waiting one that never started takes the new payload and keeps its place
};

/// What a client submits, checked.
struct NewJob {
  std::string subject;
  std::string kind;
  std::string key;
  Fingerprint fingerprint{};
  JobOptions options;
  std::optional<WallTime> run_at;
  std::optional<milliseconds> delay; ///< instead of run_at: from acceptance
  std::optional<WallTime> expires_at;
  Coalesce coalesce{};
  std::string metadata;
  std::string payload{"null"};
  std::string traceparent{}; ///< as in Submitted; no part of the fingerprint, since a repeated request is traced anew
  OutsideId outside{};       ///< the row of a user's transaction that asked for it: it is never refused
};

/// Which attempt of which job: the receipt that a worker was given, and who shows it.
struct Claim {
  EntryNumber entry;
  Attempt attempt;
  Nonce nonce;
  std::string claimant{}; ///< owner of the token that it came with; empty: the node itself, or one that asks for no tokens
};
/// A turn is answered by who claimed it, not by whoever has come by its receipt or fencing token.
inline bool may_answer(std::string_view claimed_by, std::string_view asking) {
  return claimed_by.empty() || asking.empty() || claimed_by == asking;
}
/// What others are told.
Error claimed_by_another();

struct Submit {
  EntryNumber entry; ///< the number it gets if it becomes a job
  NewJob job;
  Ticket ticket;
};
/// Gives the turn to a worker, if the head is of this kind and can start.
struct Start {
  KindId kind;
  std::string worker;
  Nonce nonce;
  Policy policy;
  Ticket ticket;
  EntryNumber only{}; ///< the job that the policy is for: no other is started. Zero: whichever is the head
  std::string claimant{};
};
struct Complete {
  Claim claim;
  std::string result;
  Ticket ticket;
  OutsideId
      outside{}; ///< committed with the worker's own writes: it holds until the next attempt starts, whatever was said since
};
enum class Retry : std::uint8_t { by_policy, never };
struct Fail {
  Claim claim;
  std::string error;
  Retry retry{};
  std::optional<milliseconds> retry_after; ///< instead of the backoff
  Ticket ticket;
};
struct Release {
  Claim claim;
  Ticket ticket;
  std::optional<milliseconds> retry_after{}; ///< the job backs off for so long
};
struct Heartbeat {
  Claim claim;
  Ticket ticket;
};
struct Cancel {
  EntryNumber entry;
  Ticket ticket;
};
struct RetryNow {
  EntryNumber entry;
  Ticket ticket;
};
/// Time has passed: leases, timeouts, schedules and waits that have run out take effect.
struct Tick {
  /// What becomes of a turn that has run out.
  enum class Endings : std::uint8_t {
    at_once,
    when_cleared, ///< of `cleared` only; for another one WantsEnd is said
  } endings{};
  EntryNumber cleared{};
};
struct Describe {
  std::size_t jobs_max{};
  Ticket ticket;
};

/// The job that an idempotency key made before: answered with Accepted, disposition `duplicate`.
struct Recall {
  EntryNumber entry;
  Ticket ticket;
};
/// Adds to a job's story why it waits and where. Answered with the story.
struct Locate {
  EntryNumber entry;
  std::shared_ptr<JobStory> story;
  Ticket ticket;
};

/// What a hold does when the subject is busy: anything running, held, waiting, retrying, halted or paused.
enum class OnBusy : std::uint8_t {
  wait,  ///< stands in the queue, for a while
  skip,  ///< is told so
  defer, ///< a job takes its place
};

/// Outside code wants the turn. Answered with HoldGrant, SubjectBusy, or, deferred, with Accepted.
struct TakeHold {
  EntryNumber entry; ///< the number it gets, or the job in its place
  std::string subject;
  std::string owner;
  milliseconds ttl{};
  OnBusy on_busy{};
  milliseconds wait{};
  MonoTime arrived;               ///< when the node got the request
  std::optional<NewJob> deferred; ///< with `defer`
  Ticket ticket;
  std::string claimant{};
};
/// The owner lives on. Whoever sends it has checked the fencing token. Answered with Extended.
struct RenewHold {
  EntryNumber entry;
  std::optional<milliseconds> ttl; ///< nothing: as before
  Ticket ticket;
  std::string claimant{};
};
/// As RenewHold. Answered with HoldGone.
struct ReleaseHold {
  EntryNumber entry;
  Ticket ticket;
  std::string claimant{};
};
/// An operator stops the subject, or lets it go on. Answered with PauseChanged.
struct Pause {
  EntryNumber entry; ///< the number of the pause, unless there is one
  std::string subject;
  std::string by;
  std::string why;
  Ticket ticket;
};
struct Resume {
  std::string by;
  Ticket ticket;
};

/// Which entries are open. Answered with Listed.
struct ListOpen {
  EntryNumber from;
  EntryNumber until; ///< before this one
  std::size_t max{};
  std::uint64_t round{}; ///< the asker's own mark, handed back
};
/// Records the whole state of these entries, of those that are still open. Followed by Listed, without any.
struct Carry {
  std::vector<EntryNumber> entries;
  std::uint64_t round{}; ///< as in ListOpen
};

/// Shows open entries from a place on. Answered with a ListPage, whose `next` lies in this subject or just after it.
struct ShowOpen {
  ListFilter filter;
  ListPlace from; ///< names the mailbox's subject
  ListBounds bounds;
  Ticket ticket;
};

using Command = std::variant<Submit, Start, Complete, Fail, Release, Heartbeat, Cancel, RetryNow, Tick, Describe, Recall,
                             Locate, TakeHold, RenewHold, ReleaseHold, Pause, Resume, ListOpen, Carry, ShowOpen>;

/// Whom the command's answer is owed to; nobody for Tick.
Ticket ticket_of(const Command& command);
/// The entry that an answer, Cancel, RetryNow or Recall is about; zero for the others.
EntryNumber entry_of(const Command& command);

} // namespace turnwise::model
