// actors/ is concurrency. This file: the door of the room. Whoever wants something of a node (HTTP, the command line's dev
// mode, a C++ program that links the library) comes in here, and needs to know nothing of actors.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/event_feed.hpp"
#include "model/command.hpp"
#include "model/job_id.hpp"
#include "model/job_story.hpp"
#include "model/kind.hpp"
#include "model/token.hpp"
#include "storage/ownership.hpp"

namespace turnwise::actors {

using std::chrono::milliseconds;

/// Tunables of a node. Every one has a bound; validate() says which is broken.
struct EngineConfig {
  std::string node_name{"node"};
  std::string address{"127.0.0.1:7171"}; ///< what the node listens on: names its place in the node table

  std::uint32_t scheduler_threads{2};
  std::uint32_t lanes{2};
  std::uint32_t readers{2};

  std::uint64_t subject_backlog_max{1'000'000};      ///< open jobs of one subject; beyond: 429
  std::uint64_t node_backlog_max{5'000'000};         ///< open jobs of all shards of this node; beyond: 429
  std::uint64_t lane_queue_rows_max{200'000};        ///< records that wait for a commit, per lane; beyond: 503
  std::uint64_t lane_queue_bytes_max{512ULL << 20U}; ///< the same in bytes
  std::uint64_t body_cache_bytes_max{256ULL << 20U};
  std::uint32_t claims_waiting_max{20'000}; ///< long-polls; beyond: 503

  milliseconds beat{1'000};
  milliseconds node_ttl{6'000};
  milliseconds idempotency_window{std::chrono::hours{24}};
  milliseconds lease_min{model::lease_min}; ///< tests use shorter ones
  milliseconds drain_max{25'000};

  std::uint64_t segment_rows_max{1'000'000};           ///< a segment of the journal ends with about so many rows
  milliseconds segment_age_max{std::chrono::hours{1}}; ///< or after so long, if it has rows worth it
  std::uint32_t segments_replayed{2};                  ///< what is open in older ones is carried into the newest, at least 2
  milliseconds journal_retention{std::chrono::hours{24 * 7}}; ///< older segments are dropped
  std::uint64_t journal_bytes_max{};                          ///< or the oldest ones when all are larger than this; zero: never
  milliseconds guard_max{60'000};                             ///< for so long a user's transaction keeps its turn from ending
  storage::OutsideUpkeep outside{};                           ///< segments of what users' transactions leave
  bool allow_unsafe_durability{};                             ///< start although PostgreSQL says fsync=off or the like
  bool reads_tokens{};                                        ///< keep the tokens at hand that requests may come with
};
/// Empty when the configuration can be used; else one sentence per fault.
std::vector<std::string> validate(const EngineConfig& config);

/// What a worker asks for.
struct ClaimRequest {
  std::string worker;
  std::vector<std::string> kinds;
  std::uint32_t max{1};
  std::optional<milliseconds> lease; ///< instead of the job's own
  milliseconds wait{0};              ///< how long to wait for the first job
  std::string claimant{};            ///< who may answer for what is won, see model::may_answer(); empty: everybody
};

/// Where a claim's answer goes. Called once, from an actor thread; must not block.
class ClaimRecipient {
public:
  virtual ~ClaimRecipient() = default;
  /// @param grants  what was won, perhaps nothing
  /// @param waited  from arrival to just before the grants: the worker's deadline is its time at sending + waited + lease
  virtual void claimed(std::vector<model::Grant> grants, milliseconds waited) = 0;
  virtual void refused(model::Error error) = 0;
  /// Nobody listens any more: what would be granted is given back. Called from actor threads.
  [[nodiscard]] virtual bool gone() const = 0;
};

/// A worker's word on one attempt.
struct Answer {
  enum class Verb : std::uint8_t { heartbeat, complete, fail, release };
  model::Receipt receipt;
  Verb verb{};
  std::string text;                        ///< JSON result of complete, plain error of fail
  model::Retry retry{};                    ///< of fail
  std::optional<milliseconds> retry_after; ///< of fail, and of release: the job backs off for so long
};

/// Outside code wants a turn.
struct HoldRequest {
  std::string subject;
  std::string owner;
  milliseconds ttl{};
  model::OnBusy on_busy{};
  milliseconds wait{};                   ///< with `wait`; at most model::hold_wait_max
  std::optional<model::NewJob> deferred; ///< with `defer`: the job that takes the hold's place, of the same subject
  std::string claimant{};                ///< as of a claim
};

/// Whose hold is to be renewed or released, and who wants that.
struct HeldTurn {
  model::JobId hold;
  model::FencingToken token; ///< the one that the grant came with
  std::string claimant{};    ///< empty: the node itself, or one that asks for no tokens
};

/// A kind as this node knows it.
struct KindStatus {
  model::Kind kind;
  std::uint64_t running{}; ///< jobs of this node's shards with the turn
  std::uint64_t waiting{}; ///< in their mailboxes, without it
};

/// What is to become of a job.
struct Change {
  model::JobId job;
  model::ChangeVerb verb{};
  std::string subject; ///< of the job, when it is known: saves a look into the journal
};

struct Stats {
  std::uint64_t jobs_open{}, jobs_running{}, subjects_active{}, claims_waiting{};
  std::uint64_t submitted{}, started{}, succeeded{}, attempts_failed{}, parked{}, failed{}, cancelled{};
  std::uint32_t shards_owned{}, shards_total{};
  std::uint64_t batches{}, rows{}, fenced{}, unknown_outcomes{};
  bool journal_up{};
};

/// One running node. Threads: every call may come from any thread and does not block. Each request's Recipient is answered
/// once per item, from an actor thread, perhaps before the call returns.
class Engine {
public:
  /// Checks PostgreSQL, joins the cluster, takes shards and begins to serve; shards serve as they are loaded.
  /// Blocks until the node has joined. Errors say what to do.
  /// @param on_fatal  called once, from a thread of the engine, when the node must end (it was declared dead): the text is for
  ///                  the log. The process should then exit with status 3.
  static model::Result<std::unique_ptr<Engine>> start(EngineConfig config, std::unique_ptr<storage::Store> store,
                                                      std::function<void(std::string)> on_fatal);
  virtual ~Engine() = default;

  /// Item i of the recipient: Accepted or Error for jobs[i]. Order within a subject is the vector's order.
  virtual void submit(std::vector<model::NewJob> jobs, std::shared_ptr<model::Recipient> recipient) = 0;
  /// Item i: Outcome, Extended or Error for answers[i].
  virtual void answer(std::vector<Answer> answers, std::shared_ptr<model::Recipient> recipient) = 0;
  virtual void claim(ClaimRequest request, std::shared_ptr<ClaimRecipient> recipient) = 0;
  /// Changed or Error.
  virtual void cancel(model::JobId job, model::Ticket ticket) = 0;
  /// Changed or Error.
  virtual void retry(model::JobId job, model::Ticket ticket) = 0;
  /// JobStory or Error.
  virtual void describe_job(model::JobId job, model::Ticket ticket) = 0;
  /// As describe_job, but answers when the job is final, or when `wait` has passed.
  virtual void await_job(model::JobId job, milliseconds wait, model::Ticket ticket) = 0;
  /// HoldGrant, SubjectBusy, Accepted (deferred) or Error; with `wait` after the wait at the latest.
  virtual void hold(HoldRequest request, model::Ticket ticket) = 0;
  /// Extended or Error. Without a ttl it stays as it was.
  virtual void renew_hold(HeldTurn turn, std::optional<milliseconds> ttl, model::Ticket ticket) = 0;
  /// HoldGone or Error.
  virtual void release_hold(HeldTurn turn, model::Ticket ticket) = 0;
  /// PauseChanged or Error. The running job finishes; nothing else starts.
  virtual void pause(std::string subject, std::string by, std::string why, model::Ticket ticket) = 0;
  /// PauseChanged or Error; also when the subject was not paused.
  virtual void resume(std::string subject, std::string by, model::Ticket ticket) = 0;
  /// SubjectView or Error. A subject without open jobs is an empty view.
  virtual void describe_subject(std::string subject, std::size_t jobs_max, model::Ticket ticket) = 0;

  /// Kind or Error, once the change is durable and this node goes by it; other nodes do a second later. After outcome_unknown
  /// it may have been made.
  virtual void change_kind(model::KindChange change, model::Ticket ticket) = 0;
  /// All kinds that this node has seen: in settings, jobs, or requests of workers. By name.
  [[nodiscard]] virtual std::vector<KindStatus> kinds() const = 0;
  /// Calls `changed` now and whenever settings of kinds have changed since, from threads of the engine, one at a time; it must
  /// not block. An empty one ends that: nothing is called any more once this returns.
  virtual void watch_kinds(std::function<void()> changed) = 0;
  /// Nothing when this node has never seen the kind.
  [[nodiscard]] virtual std::optional<KindStatus> kind(const std::string& name) const = 0;
  /// ListPage or Error: open entries from a place on, in the order of shard, subject and number; from {} on: from the
  /// beginning. At most `items_max` of them. It looks at a bounded number of entries: a page may be short, even empty, and go
  /// on. A shard that does not serve now is an error, not a gap.
  virtual void list(model::ListFilter filter, model::ListPlace from, std::size_t items_max, model::Ticket ticket) = 0;
  /// Item i: Changed or Error for changes[i], as retry() and cancel() answer.
  virtual void change(std::vector<Change> changes, std::shared_ptr<model::Recipient> recipient) = 0;
  /// FinishedJobs or Error: from the journal, as far as it reaches back. Looks at a bounded number of rows, as list() does.
  virtual void finished_jobs(std::string subject, model::EntryNumber before, std::size_t jobs_max, model::Ticket ticket) = 0;

  /// What happens on this node, for those who watch.
  virtual EventFeed& events() = 0;

  [[nodiscard]] virtual Stats stats() const = 0;
  /// Prometheus text.
  [[nodiscard]] virtual std::string metrics() const = 0;
  /// All owned shards are loaded, the journal answers, and the node is not draining.
  [[nodiscard]] virtual bool ready() const = 0;
  /// PostgreSQL's clock as the last beat told it.
  [[nodiscard]] virtual model::WallTime wall_time() const = 0;
  [[nodiscard]] virtual const storage::ClusterMeta& cluster() const = 0;
  [[nodiscard]] virtual model::Incarnation incarnation() const = 0;
  /// The tokens that were good when they were read last, about a second ago; while PostgreSQL is away they get older. None
  /// unless reads_tokens. Never null.
  [[nodiscard]] virtual std::shared_ptr<const model::Tokens> tokens() const = 0;

  /// Ends in order: no new turns, waiting claims answered with nothing, running work given its time, what was accepted made
  /// durable, shards released. Blocks a few seconds longer than drain_max at most. Submits and answers are taken while work
  /// runs; what comes later is refused as `unavailable`. Called once.
  virtual void drain() = 0;
};

} // namespace turnwise::actors
