// Keeps the node alive in the eyes of the others, and its shards in its hands: beats, takes free shards, declares dead who has
// gone silent on both clocks, and confirms heartbeats of workers (rule R2: none is acknowledged before a beat that started
// after it arrived, so that a node which has lost its shards without knowing it extends no lease).
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/node_context.hpp"
#include "storage/ownership.hpp"

namespace turnwise::actors {

class Keeper {
public:
  using Shards = std::shared_ptr<const std::vector<shard_actor>>;

  /// @param on_fatal  called once, from the keeper's thread, when this incarnation was declared dead
  Keeper(std::unique_ptr<storage::Ownership> ownership, model::Incarnation incarnation, NodeContext& context, Shards shards,
         std::function<void(std::string)> on_fatal);
  /// Stops beating. What was not released stays ours until somebody declares us dead.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// Whether a beat that began after it was asked for has succeeded; `no` at the end of the keeper.
  enum class Confirmed : std::uint8_t { yes, no };
  using ConfirmHandler = std::function<void(Confirmed)>;
  /// Calls `done` after a beat that begins from now on, perhaps from this call when too many wait. Thread-safe.
  void confirm(ConfirmHandler done);

  /// Answered with Kind or Error, at the end of the keeper at the latest. Thread-safe.
  void change_kind(model::KindChange change, model::Ticket ticket);

  /// Takes no more shards. Call before give_back().
  void stop_acquiring();
  /// Frees these shards and leaves the node table, as far as PostgreSQL answers until the deadline.
  void give_back(std::vector<storage::Holding> holdings, model::MonoTime deadline);

private:
  void run();
  void wait_for_next_beat();
  bool beat();
  void do_chores();
  void look_after_peers();
  void acquire_free();
  void look_after_journal();
  void extend_journal();
  void carry_open();
  void advance_replay();
  void drop_segments();
  void return_memory();
  struct KindRequest {
    model::KindChange change;
    model::Ticket ticket;
  };
  void change_kinds();
  void read_kinds();
  void refuse_kind_changes(const model::Error& error);
  std::vector<KindRequest> take_kind_changes();
  void read_tokens();
  void stop();
  void keep_waiting(std::vector<ConfirmHandler> handlers);
  static void answer(std::vector<ConfirmHandler> handlers, Confirmed confirmed);

  const std::unique_ptr<storage::Ownership> ownership_; // used by the thread only, until it has ended
  const model::Incarnation incarnation_;
  NodeContext& context_;
  const Shards shards_;
  const std::function<void(std::string)> on_fatal_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<ConfirmHandler> to_confirm_;
  std::vector<KindRequest> kind_changes_;
  bool stopping_{};
  bool acquiring_{true};

  struct Sighting {
    std::uint64_t beats{};
    model::MonoTime since; // when our clock first saw this number
  };
  std::unordered_map<std::string, Sighting> sightings_; // of peers, by incarnation
  model::MonoTime last_beat_;
  model::MonoTime reachable_since_; // PostgreSQL, by our clock
  bool was_reachable_{};
  std::size_t next_chore_{};
  unsigned rounds_{};
  bool knows_kinds_{}; // their settings have been read: no shard is taken before
  std::uint64_t kinds_revision_{};
  model::MonoTime kinds_read_at_;
  storage::Segments segments_;    // as of the last look
  std::int64_t jobs_open_peak_{}; // since memory was returned
  model::MonoTime tokens_read_at_;
  bool tokens_readable_{true};
  std::jthread thread_; // last: everything above is there when it starts
};

} // namespace turnwise::actors
