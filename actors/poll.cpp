#include "actors/poll.hpp"

#include <caf/send.hpp>

namespace turnwise::actors {

Poll::Poll(ClaimRequest request, std::vector<model::KindId> kinds, std::shared_ptr<ClaimRecipient> recipient,
           dispatcher_actor dispatcher, GiveBack give_back)
    : request_(std::move(request)),
      kinds_(std::move(kinds)),
      recipient_(std::move(recipient)),
      dispatcher_(std::move(dispatcher)),
      give_back_(std::move(give_back)) {}

void Poll::expect(std::uint32_t count) {
  const std::lock_guard lock(mutex_);
  outstanding_ = count;
  // Just before the grants: the worker counts its deadline from when it sent the request, plus this, plus the lease. Rounded
  // down, so that its deadline is never later than ours.
  waited_ = std::chrono::floor<milliseconds>(model::BootClock::now() - arrived_);
}

void Poll::deliver(std::uint32_t /*item*/, model::Response response) {
  std::vector<model::Grant> grants;
  {
    const std::lock_guard lock(mutex_);
    if (auto* grant = std::get_if<model::Grant>(&response)) {
      grants_.push_back(std::move(*grant));
    }
    if (--outstanding_ > 0) {
      return;
    }
    grants.swap(grants_);
  }
  if (grants.empty()) {
    caf::anon_send(dispatcher_, Settled{shared_from_this()});
  } else {
    finish(std::move(grants));
  }
}

void Poll::give_up() {
  recipient_->claimed({}, std::chrono::floor<milliseconds>(model::BootClock::now() - arrived_));
}

void Poll::finish(std::vector<model::Grant> grants) {
  if (recipient_->gone()) {
    for (const model::Grant& grant : grants) {
      give_back_(grant);
    }
    return;
  }
  recipient_->claimed(std::move(grants), waited_);
}

} // namespace turnwise::actors
