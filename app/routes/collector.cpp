#include "app/routes/collector.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "app/turns/give_back.hpp"

namespace turnwise::routes {

namespace asio = boost::asio;

void Bell::ring() {
  asio::post(executor_, [self = shared_from_this()] {
    self->rung_ = true;
    if (self->timer_ != nullptr) {
      self->timer_->cancel();
    }
  });
}

asio::awaitable<void> Bell::wait(std::chrono::milliseconds timeout) {
  if (rung_) {
    co_return;
  }
  const auto self = shared_from_this();
  asio::steady_timer timer(executor_, timeout);
  timer_ = &timer;
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  timer_ = nullptr;
}

Collector::Collector(asio::any_io_executor executor, std::size_t items)
    : bell_(std::make_shared<Bell>(std::move(executor))), answers_(items), missing_(items) {}

void Collector::deliver(std::uint32_t item, model::Response response) {
  {
    const std::lock_guard lock(mutex_);
    if (item >= answers_.size() || answers_[item]) { // given up meanwhile, or answered before
      return;
    }
    answers_[item] = std::move(response);
    if (--missing_ > 0) {
      return;
    }
  }
  bell_->ring();
}

asio::awaitable<std::vector<std::optional<model::Response>>> Collector::collect(std::chrono::milliseconds timeout) {
  const auto self = shared_from_this();
  bool complete = false;
  {
    const std::lock_guard lock(mutex_);
    complete = missing_ == 0;
  }
  if (!complete) {
    co_await bell_->wait(timeout);
  }
  const std::lock_guard lock(mutex_);
  co_return std::exchange(answers_, {});
}

asio::awaitable<std::optional<model::Response>> collect_one(std::shared_ptr<Collector> collector,
                                                            std::chrono::milliseconds timeout) {
  auto answers = co_await collector->collect(timeout);
  co_return std::move(answers.front());
}

ClaimCollector::ClaimCollector(asio::any_io_executor executor, actors::Engine& engine)
    : bell_(std::make_shared<Bell>(std::move(executor))), engine_(engine) {}

void ClaimCollector::claimed(std::vector<model::Grant> grants, std::chrono::milliseconds waited) {
  settle({std::move(grants), waited, std::nullopt});
}

void ClaimCollector::refused(model::Error error) {
  settle({{}, {}, std::move(error)});
}

void ClaimCollector::settle(Outcome outcome) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_) {
      outcome_ = std::move(outcome);
      gone_ = true; // whatever else might come has nobody to go to
    }
  }
  if (!outcome.grants.empty()) { // not taken over
    turns::give_back(engine_, turns::receipts_of(outcome.grants));
    return;
  }
  bell_->ring();
}

bool ClaimCollector::gone() const {
  const std::lock_guard lock(mutex_);
  return gone_;
}

void ClaimCollector::abandon() {
  std::optional<Outcome> untold;
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    untold = std::exchange(outcome_, std::nullopt);
  }
  if (untold) {
    turns::give_back(engine_, turns::receipts_of(untold->grants));
  }
  bell_->ring();
}

asio::awaitable<std::optional<ClaimCollector::Outcome>> ClaimCollector::collect(std::chrono::milliseconds timeout) {
  const bool settled = gone();
  if (!settled) {
    co_await bell_->wait(timeout);
  }
  const std::lock_guard lock(mutex_);
  gone_ = true;
  co_return std::exchange(outcome_, std::nullopt);
}

namespace {

/// Whether a hold could be given back is not waited for: its ttl ends it anyway.
class Nobody : public model::Recipient {
public:
  void deliver(std::uint32_t /*item*/, model::Response /*response*/) override {}
};

} // namespace

void give_back(actors::Engine& engine, const model::HoldGrant& grant) {
  engine.release_hold({{grant.shard, grant.entry}, grant.fencing_token}, {std::make_shared<Nobody>(), 0});
}

HoldCollector::HoldCollector(asio::any_io_executor executor, actors::Engine& engine)
    : bell_(std::make_shared<Bell>(std::move(executor))), engine_(engine) {}

void HoldCollector::deliver(std::uint32_t /*item*/, model::Response response) {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_) {
      answer_ = std::move(response);
      gone_ = true; // whatever else might come has nobody to go to
      bell_->ring();
      return;
    }
  }
  if (const auto* grant = std::get_if<model::HoldGrant>(&response)) {
    give_back(engine_, *grant);
  }
}

void HoldCollector::abandon() {
  std::optional<model::Response> untold;
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    untold = std::exchange(answer_, std::nullopt);
  }
  if (const auto* grant = untold ? std::get_if<model::HoldGrant>(&*untold) : nullptr) {
    give_back(engine_, *grant);
  }
  bell_->ring();
}

asio::awaitable<std::optional<model::Response>> HoldCollector::collect(std::chrono::milliseconds timeout) {
  co_await bell_->wait(timeout);
  const std::lock_guard lock(mutex_);
  gone_ = true;
  co_return std::exchange(answer_, std::nullopt);
}

} // namespace turnwise::routes
