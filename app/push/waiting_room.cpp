#include "app/push/waiting_room.hpp"

#include <algorithm>

namespace turnwise::push {

void WaitingRoom::arrive(const std::string& place, DeliveryId who) {
  places_[place].waiting.push_back(who);
}

std::optional<DeliveryId> WaitingRoom::next() {
  if (under_way_ >= under_way_max_) {
    return std::nullopt;
  }
  auto place = places_.upper_bound(last_);
  for (std::size_t looked = 0; looked < places_.size(); ++looked, ++place) {
    if (place == places_.end()) {
      place = places_.begin();
    }
    auto& [name, here] = *place;
    if (!here.waiting.empty() && here.under_way < per_place_max_) {
      const DeliveryId who = here.waiting.front();
      here.waiting.pop_front();
      here.under_way += 1;
      under_way_ += 1;
      last_ = name;
      return who;
    }
  }
  return std::nullopt;
}

void WaitingRoom::leave(const std::string& place) {
  const auto found = places_.find(place);
  found->second.under_way -= 1;
  under_way_ -= 1;
  forget_if_empty(found);
}

bool WaitingRoom::give_up(const std::string& place, DeliveryId who) {
  const auto found = places_.find(place);
  const bool waited = found != places_.end() && std::erase(found->second.waiting, who) > 0;
  if (waited) {
    forget_if_empty(found);
  }
  return waited;
}

void WaitingRoom::forget_if_empty(Places::iterator place) {
  if (place->second.waiting.empty() && place->second.under_way == 0) {
    places_.erase(place);
  }
}

} // namespace turnwise::push
