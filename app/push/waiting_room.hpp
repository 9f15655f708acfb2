// Who may go next when only so many may be on their way at a time, and only so many to one place: so that a place that does
// not answer keeps nobody from the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "model/strong.hpp"

namespace turnwise::push {

/// Numbers the deliveries of one courier.
using DeliveryId = model::Strong<struct DeliveryIdTag, std::uint64_t>;

/// One thread's own.
class WaitingRoom {
public:
  WaitingRoom(std::size_t under_way_max, std::size_t per_place_max)
      : under_way_max_(under_way_max), per_place_max_(per_place_max) {}

  void arrive(const std::string& place, DeliveryId who);
  /// Sends somebody on the way: places take turns, and at a place who came first goes first. Nothing when nobody may go.
  std::optional<DeliveryId> next();
  /// Somebody who was on the way has come to an end.
  void leave(const std::string& place);
  /// Somebody waits no longer. @returns whether it waited
  bool give_up(const std::string& place, DeliveryId who);

private:
  struct Place {
    std::deque<DeliveryId> waiting;
    std::size_t under_way{};
  };
  using Places = std::map<std::string, Place>;
  void forget_if_empty(Places::iterator place);

  const std::size_t under_way_max_;
  const std::size_t per_place_max_;
  std::size_t under_way_{};
  Places places_;
  std::string last_; ///< the place whose turn it was
};

} // namespace turnwise::push
