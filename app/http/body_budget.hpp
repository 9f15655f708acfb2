// Memory for the bodies of requests that are being read or answered, of all connections together: what each may have by itself
// would be too much when all have it.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace turnwise::http {

/// Thread-safe.
class BodyBudget {
public:
  explicit BodyBudget(std::size_t bytes) : left_(bytes) {}

  [[nodiscard]] bool take(std::size_t bytes) {
    auto left = left_.load(std::memory_order_relaxed);
    while (left >= bytes) {
      if (left_.compare_exchange_weak(left, left - bytes, std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }
  void give_back(std::size_t bytes) { left_.fetch_add(bytes, std::memory_order_relaxed); }

private:
  std::atomic<std::size_t> left_;
};

/// What one body has of the budget, given back with this object. The budget outlives it.
class BodyShare {
public:
  explicit BodyShare(BodyBudget& budget) : budget_(&budget) {}
  BodyShare(BodyShare&& other) noexcept : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
  BodyShare& operator=(BodyShare&&) = delete;
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;
  ~BodyShare() { budget_->give_back(bytes_); }

  /// @returns false when the budget has not that much; what was taken before stays
  [[nodiscard]] bool grow_to(std::size_t bytes) {
    if (bytes > bytes_) {
      if (!budget_->take(bytes - bytes_)) {
        return false;
      }
      bytes_ = bytes;
    }
    return true;
  }

  /// Gives all of it back early.
  void give_back() { budget_->give_back(std::exchange(bytes_, 0)); }

private:
  BodyBudget* budget_;
  std::size_t bytes_{};
};

} // namespace turnwise::http
