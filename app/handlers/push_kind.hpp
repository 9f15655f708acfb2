// Jobs that are POSTed to a URL, see app/push/ and docs/WEBHOOKS.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "app/push/delivery.hpp"

namespace turnwise::push {
class Courier;
} // namespace turnwise::push

namespace turnwise::handlers {

struct PushKind {
  std::string kind;
  std::shared_ptr<const push::Target> target;
  std::uint32_t concurrency{16}; ///< pushes at a time from this node
};

struct Pushing {
  push::Courier* courier{}; ///< outlives the runner; null: the runner pushes nothing
  /// A receiver has said that it takes no jobs of this kind any more (410): whoever knows how stops the kind. Called on the
  /// runner's thread; must not block. The runner itself only lets the kind alone for a few seconds.
  std::function<void(const std::string& kind, const std::string& why)> gone;
};

} // namespace turnwise::handlers
