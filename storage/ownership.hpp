// Who owns which shard: the tables that every write is checked against. See docs/ARCHITECTURE.md, "Ownership".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "model/clock.hpp"
#include "model/token.hpp"
#include "storage/journal.hpp"
#include "storage/kinds.hpp"
#include "storage/outside.hpp"

namespace turnwise::storage {

/// What all nodes of a cluster must agree on; written by the first migration, checked at every start.
struct ClusterMeta {
  std::string cluster_id;
  std::uint16_t shard_count{};
  std::string hash; ///< how a subject's shard is computed: "sha256-64"
  std::uint32_t protocol_version{};
};

/// What a node says of itself when it joins.
struct NodeInfo {
  Incarnation incarnation;
  std::string name;    ///< for people
  std::string address; ///< host:port it listens on: names the place, so that a successor can prove its predecessor gone
};

struct Beat {
  model::WallTime wall; ///< PostgreSQL's clock, read during the call
  bool alive{};         ///< false: somebody declared this incarnation dead; it must exit
};

/// Another incarnation that nobody has declared dead.
struct Peer {
  Incarnation incarnation;
  std::uint64_t beats{}; ///< grows with each of its beats
  bool lease_over{};     ///< by PostgreSQL's clock
};

struct ShardRow {
  ShardId shard;
  Epoch epoch;
  bool owned{}; ///< somebody's, dead or alive
};

/// When the newest segment of the journal ends.
struct SegmentEnd {
  std::uint64_t rows_max{};            ///< it holds more rows than these
  std::uint64_t rows_min{};            ///< or more than these,
  std::chrono::milliseconds age_max{}; ///< and is older
};

/// The segments that there are: numbers without a gap.
struct Segments {
  std::uint64_t newest{};
  std::uint64_t count{};
};

/// A shard whose replay begins with a segment that is too old.
struct Laggard {
  ShardId shard;
  Sequence first; ///< the first number in newer segments; zero: the shard has no row there
};

/// When an old segment goes: whichever comes first.
struct Retention {
  std::chrono::milliseconds age_max{};
  std::uint64_t bytes_max{}; ///< of all segments together, with their indexes; zero: any number
};

/// The tokens that are neither revoked nor expired, at most tokens_max (tokens.hpp).
struct TokensRead {
  std::uint64_t version{}; ///< another one after each change of the table; never zero
  model::Tokens tokens;
};

/// What PostgreSQL says about its durability and its encoding; a node refuses to start on the wrong answers.
struct ServerFacts {
  int version{}; ///< as in server_version_num
  bool fsync{};
  bool full_page_writes{};
  std::string synchronous_commit;
  std::string encoding;
  bool read_only{};
};

/// One connection for membership and shards. Owned and used by one thread (the keeper's). Every call fails with
/// Errc::unavailable when PostgreSQL cannot be reached.
class Ownership {
public:
  virtual ~Ownership() = default;

  virtual Result<ServerFacts> server() = 0;
  virtual Result<ClusterMeta> meta() = 0;

  /// Enters the node table as active, with a first beat. Declares older incarnations with the same address dead at once:
  /// who has bound the address has proved them gone.
  /// @returns how many were declared dead; their shards are free now, each at a new epoch.
  virtual Result<std::size_t> join(const NodeInfo& node, std::chrono::milliseconds ttl) = 0;

  /// Extends the node's own lease by `ttl` and tells the time. Durable when it returns.
  virtual Result<Beat> beat(Incarnation node, std::chrono::milliseconds ttl) = 0;

  virtual Result<std::vector<Peer>> peers(Incarnation except) = 0;

  /// Declares a peer dead, if its lease is still over by PostgreSQL's clock, and frees its shards, each at a new epoch, all in
  /// one transaction. The caller has also seen by its own clock that the peer's beats stand still.
  /// @returns whether it is dead now.
  virtual Result<bool> declare_dead(Incarnation peer) = 0;

  virtual Result<std::vector<ShardRow>> shards() = 0;

  /// Takes those of these free shards that are still at the epoch seen; each gets the next epoch. A node that is not alive
  /// takes nothing. After Errc::unavailable the shards may be ours all the same: call again with the same `seen`, which then
  /// returns them as they were taken. Errc::internal when a shard has no epoch left.
  /// @returns the shards that are ours now, with their new epochs, ascending.
  virtual Result<std::vector<Holding>> acquire(Incarnation node, std::span<const Holding> seen) = 0;

  /// Frees shards at a clean end, each at a new epoch.
  virtual Result<model::Done> release(Incarnation node, std::span<const Holding> holdings) = 0;

  /// Leaves the node table at a clean end; what the node still owns becomes free.
  virtual Result<model::Done> leave(Incarnation node) = 0;

  /// Makes sure that the journal has room: starts the next segment when the newest one is at its end.
  /// Large counts are estimated, within about half of the true one. Nodes that call this together start one segment.
  virtual Result<Segments> extend_journal(const SegmentEnd& end) = 0;

  /// The shards of `owner` whose replay begins before `segment`.
  virtual Result<std::vector<Laggard>> laggards(Incarnation owner, std::uint64_t segment) = 0;

  /// From now on the replay of these shards begins with `segment`, unless it begins later already. Only for shards whose open
  /// entries all have an opening or a carried row in that segment or a later one. Fenced: a shard that is not ours at this
  /// epoch stays as it is, and its owner does the same.
  virtual Result<model::Done> advance_replay(Incarnation owner, std::span<const Holding> holdings, std::uint64_t segment) = 0;

  /// Drops the oldest segments whose time has come: that no replay begins with, and that are not among the newest two. One
  /// that somebody reads at this moment is left for another time.
  /// @returns how many were dropped
  virtual Result<std::size_t> drop_segments(const Retention& retention) = 0;

  /// All kinds that something is set for, when anything has changed since `revision`; nothing when not. Changes become visible
  /// in the order of their revisions: whoever asks again and again with the last one it got misses none.
  virtual Result<std::optional<Kinds>> kinds_since(std::uint64_t revision) = 0;

  /// Changes a kind. A change that changes nothing leaves the revision as it is; one that takes back all that was set leaves
  /// none. Durable when it returns.
  /// Errc::stale_revision and Errc::backlog_full (see kinds_with_settings_max) say no; after Errc::outcome_unknown it may have
  /// been made.
  virtual Result<model::Kind> change_kind(const model::KindChange& change) = 0;
  /// The tokens that requests may come with; nothing when the table is still at version `known`.
  virtual Result<std::optional<TokensRead>> tokens(std::uint64_t known) = 0;
};

/// Opens connections; shared by all threads of a node.
class Store {
public:
  virtual ~Store() = default;
  virtual std::unique_ptr<JournalWriter> open_writer() = 0;
  virtual std::unique_ptr<JournalReader> open_reader() = 0;
  virtual std::unique_ptr<Ownership> open_ownership() = 0;
  /// Null where users have no transactions of their own.
  virtual std::unique_ptr<OutsideReader> open_outside() { return nullptr; }
};

} // namespace turnwise::storage
