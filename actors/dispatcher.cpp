#include "actors/dispatcher.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <unordered_map>

#include "actors/node_context.hpp"
#include "actors/poll.hpp"
#include "model/test_hooks.hpp"

namespace turnwise::actors {
namespace {

class Dispatcher {
public:
  static inline const char* name = "dispatcher";

  Dispatcher(dispatcher_actor::pointer self, NodeContext& context, std::shared_ptr<const std::vector<shard_actor>> shards)
      : self_(self), context_(context), shards_(std::move(shards)) {}

  dispatcher_actor::behavior_type make_behavior() {
    return {[this](const Offer& offer) { take_offer(offer); },
            [this](const WithdrawAll& message) { withdraw(message.shard); },
            [this](Seek& message) { seek(message.poll); },
            [this](Settled& message) { seek(message.poll); },
            [this](const WakeUp& message) { end_due_waits(message.at); },
            [this](const KindsOpened& message) { open(message); },
            [this](const StopDispatch&) { stop(); },
            [this](const Close&) { self_->quit(); }};
  }

private:
  /// How many subjects of a shard could start.
  struct Source {
    model::ShardId shard;
    std::uint32_t count{};
  };
  struct Kind {
    LiveKind* live{};
    std::deque<Source> sources;
    std::list<std::shared_ptr<Poll>> waiting;
  };

  Kind& kind_of(model::KindId id) {
    Kind& kind = kinds_[id];
    if (kind.live == nullptr) {
      kind.live = &context_.live_kinds.at(id);
    }
    return kind;
  }

  void take_offer(const Offer& offer) {
    Kind& kind = kind_of(offer.kind);
    kind.sources.push_back({offer.shard, offer.count});
    match(kind);
  }

  void open(const KindsOpened& message) {
    if (message.kind) {
      match(kind_of(*message.kind));
      return;
    }
    for (auto& [id, kind] : kinds_) {
      match(kind);
    }
  }

  /// Lets those who wait for the kind have what there is of it.
  void match(Kind& kind) {
    while (!kind.sources.empty() && !kind.waiting.empty() && may_start(*kind.live)) {
      const std::shared_ptr<Poll> poll = kind.waiting.front();
      stop_waiting(*poll);
      if (!poll->gone() && !fill(poll)) {
        start_waiting(poll);
        return;
      }
    }
  }

  [[nodiscard]] bool may_start(const LiveKind& kind) const {
    return !kind.is_paused() && (!kind.is_limited() || (!kind.is_full() && !context_.loading_shards.any()));
  }

  /// Nobody counts what runs of a kind while a shard of ours has not been read: then a kind with a limit starts nothing.
  [[nodiscard]] std::uint32_t take_permits(LiveKind& kind, std::uint32_t wanted) const {
    return kind.is_limited() && context_.loading_shards.any() && !TURNWISE_MUTANT("K3") ? 0 : kind.take_permits(wanted);
  }

  void withdraw(model::ShardId shard) {
    for (auto& [id, kind] : kinds_) {
      std::erase_if(kind.sources, [&](const Source& source) { return source.shard == shard; });
    }
  }

  /// A poll that wants work, for the first time or again.
  void seek(const std::shared_ptr<Poll>& poll) {
    if (poll->gone()) {
      return;
    }
    if (!stopped_ && fill(poll)) {
      return;
    }
    if (stopped_ || poll->deadline() <= model::BootClock::now()) {
      poll->give_up();
    } else if (waiting_count_ >= context_.config.claims_waiting_max) {
      poll->refuse({model::Errc::unavailable, "this node holds as many waiting claims as it may; try again", ""});
    } else {
      start_waiting(poll);
    }
  }

  /// Asks shards for as many jobs as the poll wants and sources promise. False when there is no promise at all.
  bool fill(const std::shared_ptr<Poll>& poll) {
    struct Ask {
      model::KindId kind;
      Source source;
    };
    std::vector<Ask> asks;
    std::uint32_t wanted = poll->request().max;
    std::uint32_t promised = 0;
    const auto& kinds = poll->kinds();
    for (std::size_t i = 0; i < kinds.size() && wanted > 0; ++i) {
      const model::KindId id = kinds[(i + rotation_) % kinds.size()]; // no kind is always asked first
      const auto found = kinds_.find(id);
      if (found == kinds_.end()) {
        continue;
      }
      auto& sources = found->second.sources;
      while (wanted > 0 && !sources.empty()) {
        const Source source = sources.front();
        const std::uint32_t count = take_permits(*found->second.live, std::min(wanted, source.count));
        if (count == 0) {
          break;
        }
        sources.pop_front();
        if (count < source.count) {
          sources.push_back({source.shard, source.count - count});
        }
        asks.push_back({id, {source.shard, count}});
        wanted -= count;
        promised += count;
      }
    }
    ++rotation_;
    if (asks.empty()) {
      return false;
    }
    poll->expect(promised);
    for (const Ask& ask : asks) {
      caf::anon_send((*shards_)[ask.source.shard.value()], Take{ask.kind, ask.source.count, poll});
    }
    return true;
  }

  void start_waiting(const std::shared_ptr<Poll>& poll) {
    for (const model::KindId id : poll->kinds()) {
      auto& waiting = kind_of(id).waiting;
      poll->waiting.places.emplace_back(id, waiting.insert(waiting.end(), poll));
    }
    poll->waiting.timer = timers_.emplace(poll->deadline(), poll);
    poll->waiting.active = true;
    ++waiting_count_;
    context_.metrics.claims_waiting.inc();
    if (poll->waiting.timer == timers_.begin()) {
      arm();
    }
  }

  void stop_waiting(Poll& poll) {
    if (!poll.waiting.active) {
      return;
    }
    poll.waiting.active = false;
    timers_.erase(poll.waiting.timer);
    for (const auto& [id, place] : std::exchange(poll.waiting.places, {})) {
      kinds_[id].waiting.erase(place);
    }
    --waiting_count_;
    context_.metrics.claims_waiting.dec();
  }

  void end_due_waits(model::MonoTime armed_for) {
    if (armed_for_ != armed_for) {
      return; // an earlier one was set since
    }
    armed_for_.reset();
    const auto now = model::BootClock::now();
    while (!timers_.empty() && timers_.begin()->first <= now) {
      end_wait(timers_.begin()->second);
    }
    arm();
  }

  void end_wait(std::shared_ptr<Poll> poll) {
    stop_waiting(*poll);
    if (!poll->gone()) {
      poll->give_up();
    }
  }

  /// One delayed message is enough: a later one is sent when it comes.
  void arm() {
    if (timers_.empty() || (armed_for_ && *armed_for_ <= timers_.begin()->first)) {
      return;
    }
    armed_for_ = timers_.begin()->first;
    self_->delayed_send(self_, std::max(model::microseconds{0}, *armed_for_ - model::BootClock::now()), WakeUp{*armed_for_});
  }

  void stop() {
    stopped_ = true;
    while (!timers_.empty()) {
      end_wait(timers_.begin()->second);
    }
  }

  dispatcher_actor::pointer self_;
  NodeContext& context_;
  std::shared_ptr<const std::vector<shard_actor>> shards_;
  std::unordered_map<model::KindId, Kind> kinds_;
  std::multimap<model::MonoTime, std::shared_ptr<Poll>> timers_; // of those that wait
  std::uint32_t waiting_count_{};
  std::size_t rotation_{};
  std::optional<model::MonoTime> armed_for_;
  bool stopped_{};
};

} // namespace

dispatcher_actor spawn_dispatcher(caf::actor_system& system, NodeContext& context,
                                  std::shared_ptr<const std::vector<shard_actor>> shards) {
  return system.spawn<caf::stateful_actor<Dispatcher, dispatcher_actor::impl>>(std::ref(context), std::move(shards));
}

} // namespace turnwise::actors
