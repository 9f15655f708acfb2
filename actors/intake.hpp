// Brings what users' transactions have left to the shards of this node: one thread and one connection. It reads, tells the
// shards, and says which gaps between the rows will never be filled. Whether a row is taken over, and that it is only once, is
// decided by its shard: a row that is told twice does no harm.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "actors/interfaces.hpp"
#include "storage/outside.hpp"

namespace turnwise::actors {

class Intake {
public:
  Intake(std::unique_ptr<storage::OutsideReader> reader, storage::OutsideUpkeep upkeep);
  /// Ends after the statement under way.
  ~Intake();
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  /// Where a shard stands, in answer to what it was told.
  struct Standing {
    model::OutsideCursor taken;
    std::uint64_t round{}; ///< handed back with what is told next
    /// When to look for more: without a pause, as ever, or when there may be room again.
    enum class Pace : std::uint8_t { at_once, as_ever, later } pace{};
    enum class Cursor : std::uint8_t { written, unwritten } cursor{};
  };
  /// From now on the shard is told of rows, with this generation. Thread-safe, as all that follows.
  void attach(model::ShardId shard, Generation generation, shard_actor listener, Standing standing);
  void detach(model::ShardId shard, Generation generation);
  /// The shard has done with what it was told. Ignored when it is not attached with this generation.
  void resume(model::ShardId shard, Generation generation, Standing standing);

  /// Asks whether the turn may be ended by force. Answered by TurnJudged, unless the shard is detached.
  void judge(Generation generation, storage::TurnToEnd turn);
  /// What the turn was locked for is durable, or will not be.
  void unlock(model::ShardId shard, model::EntryNumber entry);

private:
  struct Listener {
    Generation generation{};
    shard_actor actor;
    Standing standing;
    bool is_busy{};                                 // was told something
    model::MonoTime not_before;                     // of the next look
    std::optional<model::MonoTime> unwritten_since; // it has taken rows that its cursor does not tell
    // Gaps up to `seen_to` were seen before transaction `seen_at` began: when all that began before have ended, they stay
    // empty.
    model::OutsideId seen_to;
    std::uint64_t seen_at{};
  };

  using Turn = std::pair<model::ShardId, model::EntryNumber>;
  struct Judgement {
    Generation generation{};
    storage::TurnToEnd turn;
  };

  bool judge_turns();
  void tell(const std::vector<Judgement>& asked, const std::vector<storage::TurnVerdict>& verdicts);
  bool unlock_turns();
  void run();
  bool wait();
  bool look();
  void ask_for_cursors();
  /// What is asked for, and on whose behalf.
  struct Question {
    std::vector<storage::OutsideWanted> wanted;
    std::vector<std::pair<Generation, std::uint64_t>> asked_by; // generation and round, of each
  };
  Question collect();
  void tell(const Question& question, storage::OutsidePage page);
  static void tell(Listener& listener, const model::OutsideCursor& asked, std::uint64_t round,
                   std::vector<storage::OutsideRow> rows, const storage::OutsidePage& page);
  static model::OutsideId closed_gaps(Listener& listener, const model::OutsideCursor& asked, const storage::OutsidePage& page);
  void tend();

  const std::unique_ptr<storage::OutsideReader> reader_; // used by the thread only
  const storage::OutsideUpkeep upkeep_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<model::ShardId, Listener> listeners_;
  bool stopping_{};
  bool is_disturbed_{}; // somebody came, or goes on
  std::vector<Judgement> to_judge_;
  std::vector<Turn> to_unlock_;
  std::multiset<Turn> locked_; // a turn may be locked more than once

  // Of the thread alone:
  std::uint64_t bell_{};
  std::uint64_t horizon_{}; // transactions from this one on began after the bell was last heard; zero: not known yet
  bool is_quiet_{};         // nothing can appear before the bell is heard again
  std::uint32_t failures_{};
  std::uint32_t first_shard_{};
  model::MonoTime tended_at_{};
  std::jthread thread_; // last: everything above is there when it starts
};

} // namespace turnwise::actors
