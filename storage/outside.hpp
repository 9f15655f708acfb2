// What users' transactions have left for the nodes (docs/TRANSACTIONS.md): rows that appear when a transaction commits, in any
// order of their ids. Reading them does not take them over: whoever does says so in the journal.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "model/command.hpp"
#include "storage/journal.hpp"

namespace turnwise::storage {

/// A shard whose rows are wanted: those after `taken.to`, and those in its gaps.
struct OutsideWanted {
  ShardId shard;
  model::OutsideCursor taken;
};

/// A job of turnwise.submit(), the answer of turnwise.complete(), or, for a row that this version cannot read, why not.
using OutsideWish = std::variant<model::NewJob, model::Complete, model::Error>;

struct OutsideRow {
  ShardId shard;
  model::OutsideId id;
  OutsideWish wish;
};

/// How much is read at once.
struct OutsideBounds {
  std::uint32_t rows_per_shard{100};
  std::uint64_t bytes{8U << 20U}; ///< one row more may be read, whatever its size
  std::uint32_t first_shard{};    ///< whose rows come first when not all have room: another one each time
};

/// What was committed at one moment.
struct OutsidePage {
  std::vector<OutsideRow> rows; ///< by shard, and by id within each; what is missing of a shard comes after these
  bool is_cut{};                ///< by `bytes`: nothing is said of shards without rows
  /// Transactions have numbers. At that moment all below this one had ended,
  std::uint64_t oldest_open{};
  /// and none from this one on had begun to write.
  std::uint64_t next{};
};

/// When segments of these rows end, and are dropped.
struct OutsideUpkeep {
  std::uint64_t bytes_max{32U << 20U};
  std::chrono::milliseconds age_max{std::chrono::hours{1}};
  std::chrono::milliseconds grace{std::chrono::minutes{1}};
  std::chrono::milliseconds cursor_pause{10'000}; ///< after so long a shard writes down which rows it has taken
};

/// A turn that is to be ended by force.
struct TurnToEnd {
  ShardId shard;
  EntryNumber entry;
  /// What becomes of a transaction that relies on the turn.
  enum class Holders : std::uint8_t { keep, end } holders{};
};

/// Whether it may be.
struct TurnVerdict {
  enum class Is : std::uint8_t {
    locked,    ///< yes: no transaction can come to rely on it before unlock_turns()
    in_use,    ///< a transaction relies on it
    completed, ///< it was completed by the row `completion`, which may not have been taken over yet
  } is{};
  model::OutsideId completion;
};

/// One connection that reads them. Owned and used by one thread. Every call fails with Errc::unavailable when PostgreSQL cannot
/// be reached, and may be repeated then.
class OutsideReader {
public:
  virtual ~OutsideReader() = default;

  /// A number that is another one after each insert, also of transactions that have not committed. Costs next to nothing.
  virtual Result<std::uint64_t> doorbell() = 0;

  /// @param wanted  ascending by shard
  virtual Result<OutsidePage> read(std::span<const OutsideWanted> wanted, const OutsideBounds& bounds) = 0;

  /// Locks turns, as far as they can be at once. The locks belong to the connection: they are gone when it is lost.
  /// @returns a verdict for each
  virtual Result<std::vector<TurnVerdict>> lock_turns(std::span<const TurnToEnd> turns) = 0;
  virtual Result<model::Done> unlock_turns(std::span<const std::pair<ShardId, EntryNumber>> turns) = 0;

  /// Starts a new segment, or drops one, if it is time. Waits for nobody.
  virtual Result<model::Done> tend(const OutsideUpkeep& upkeep) = 0;
};

} // namespace turnwise::storage
