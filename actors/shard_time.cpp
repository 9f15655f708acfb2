// One timer for all that a shard has to do at some moment: the soonest is armed, and what is due by then is done.
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>

#include "actors/shard.hpp"

namespace turnwise::actors {

void Shard::wake_up(model::MonoTime armed_for) {
  if (armed_for_ != armed_for) {
    return; // an earlier one was set since
  }
  armed_for_.reset();
  const auto now = model::BootClock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Slot& slot = *timers_.begin()->second;
    set_timer(slot, std::nullopt);
    enqueue(slot, model::Tick{context_.intake ? model::Tick::Endings::when_cleared : model::Tick::Endings::at_once, {}});
  }
  end_due_watches();
}

void Shard::arm() {
  std::optional<model::MonoTime> next;
  if (!timers_.empty()) {
    next = timers_.begin()->first;
  }
  if (!watch_timers_.empty()) {
    next = next ? std::min(*next, watch_timers_.begin()->first) : watch_timers_.begin()->first;
  }
  if (next && (!armed_for_ || *next < *armed_for_)) {
    armed_for_ = next;
    self_->delayed_send(self_, std::max(model::microseconds{0}, *next - model::BootClock::now()), WakeUp{*next});
  }
}

} // namespace turnwise::actors
