// Brings the engine's answers, which come on its own threads, back to the coroutine that waits for them.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "actors/engine.hpp"
#include "app/routes/answers.hpp"
#include "model/command.hpp"

namespace turnwise::routes {

/// A wait that another thread may end. ring() from any thread; the rest from the coroutine's.
class Bell : public std::enable_shared_from_this<Bell> {
public:
  explicit Bell(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// Ends the wait; called before it begins, it ends the wait at once.
  void ring();
  /// Returns when the bell was rung, or after `timeout`. Called once.
  boost::asio::awaitable<void> wait(std::chrono::milliseconds timeout);

private:
  boost::asio::any_io_executor executor_;
  // Both on the executor's thread. The timer is the waiting coroutine's: who rings late may hold this when it is long gone.
  boost::asio::steady_timer* timer_{};
  bool rung_{};
};

/// Collects the answers to the items of one request. An answer that comes after the wait was given up is dropped.
class Collector : public model::Recipient, public std::enable_shared_from_this<Collector> {
public:
  Collector(boost::asio::any_io_executor executor, std::size_t items);

  void deliver(std::uint32_t item, model::Response response) override;

  /// Waits for all answers, at most `timeout`. @returns one per item; nothing where none came
  boost::asio::awaitable<std::vector<std::optional<model::Response>>> collect(std::chrono::milliseconds timeout);

private:
  std::shared_ptr<Bell> bell_;
  std::mutex mutex_;
  std::vector<std::optional<model::Response>> answers_; // guarded
  std::size_t missing_;                                 // guarded
};

/// For a single item.
boost::asio::awaitable<std::optional<model::Response>> collect_one(std::shared_ptr<Collector> collector,
                                                                   std::chrono::milliseconds timeout);

/// Asks the engine one question; `ask` gets the ticket for the answer.
template <class Expected, class Ask>
boost::asio::awaitable<model::Result<Expected>> ask_engine(std::chrono::milliseconds timeout, Effect effect, Ask ask) {
  const auto collector = std::make_shared<Collector>(co_await boost::asio::this_coro::executor, 1);
  ask(model::Ticket{collector, 0});
  co_return expect<Expected>(co_await collect_one(collector, timeout), effect);
}

/// What became of a request for turns. Turns that nobody can be told of any more are given back to the engine.
class ClaimCollector : public actors::ClaimRecipient {
public:
  struct Outcome {
    std::vector<model::Grant> grants;
    std::chrono::milliseconds waited{};
    std::optional<model::Error> error;
  };

  /// `engine` outlives its own threads.
  ClaimCollector(boost::asio::any_io_executor executor, actors::Engine& engine);

  void claimed(std::vector<model::Grant> grants, std::chrono::milliseconds waited) override;
  void refused(model::Error error) override;
  [[nodiscard]] bool gone() const override;

  /// Ends the wait early and gives back what comes later: the client has hung up.
  void abandon();

  /// Waits at most `timeout`; whatever comes later is given back. @returns nothing when nothing came
  boost::asio::awaitable<std::optional<Outcome>> collect(std::chrono::milliseconds timeout);

private:
  void settle(Outcome outcome);

  std::shared_ptr<Bell> bell_;
  actors::Engine& engine_;
  mutable std::mutex mutex_;
  std::optional<Outcome> outcome_; // guarded
  bool gone_{};                    // guarded
};

} // namespace turnwise::routes
