// The client of a request that is being handled: whether it still listens.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

namespace turnwise::http {

/// gone() may be called from any thread; the rest belongs to the thread of the connection.
class Peer : public std::enable_shared_from_this<Peer> {
public:
  using Watch = std::function<void(std::shared_ptr<Peer>)>;

  /// @param watch  begins to look whether the client hangs up, and calls hang_up() then; called at most once
  explicit Peer(Watch watch) : watch_(std::move(watch)) {}

  [[nodiscard]] bool gone() const { return gone_.load(std::memory_order_acquire); }

  /// The callback is called once, when the client hangs up before its request is answered. Replaces an earlier one. For
  /// requests that may take long: the others learn it when they write their answer.
  void on_gone(std::function<void()> callback) {
    callback_ = std::move(callback);
    if (auto watch = std::exchange(watch_, nullptr)) {
      watch(shared_from_this());
    }
  }

  [[nodiscard]] bool is_watched() const { return watch_ == nullptr; }
  /// The request is answered: nobody looks any more.
  void settle() {
    settled_ = true;
    callback_ = nullptr;
  }
  [[nodiscard]] bool is_settled() const { return settled_; }

  void hang_up() {
    gone_.store(true, std::memory_order_release);
    if (auto callback = std::exchange(callback_, nullptr)) {
      callback();
    }
  }

private:
  std::atomic<bool> gone_{};
  bool settled_{};
  Watch watch_;
  std::function<void()> callback_;
};

} // namespace turnwise::http
