#include "app/handlers/runner_loop.hpp"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "app/logging/logging.hpp"
#include "app/turns/give_back.hpp"
#include "model/limits.hpp"
#include "model/record.hpp"
#include "model/subject.hpp"

namespace turnwise::handlers {

namespace {

using logging::quoted;
using model::BootClock;
using model::MonoTime;

/// The loop looks around this often, also when nothing is due.
constexpr milliseconds idle_max{60'000};

/// The engine's answers to one batch of answers.
class BatchReply final : public model::Recipient {
public:
  struct Item {
    AttemptNumber attempt;
    actors::Answer::Verb verb{};
  };
  BatchReply(std::shared_ptr<RunnerInbox> inbox, std::vector<Item> items, MonoTime sent)
      : inbox_(std::move(inbox)), items_(std::move(items)), sent_(sent) {}

  void deliver(std::uint32_t item, model::Response response) override {
    const auto& about = items_.at(item);
    inbox_->push(Answered{about.attempt, about.verb, sent_, std::move(response)});
  }

private:
  const std::shared_ptr<RunnerInbox> inbox_;
  const std::vector<Item> items_;
  const MonoTime sent_;
};

} // namespace

RunnerLoop::RunnerLoop(actors::Engine& engine, Spawner* spawner, RunnerConfig config, Handlers handlers)
    : engine_(engine), spawner_(spawner), config_(std::move(config)), pushing_(std::move(handlers.pushing)) {
  std::size_t threads = 0;
  auto add = [&](const char* prefix, auto& how) {
    Slots slots;
    slots.kind = how.kind;
    slots.worker = worker_name(prefix);
    slots.concurrency = how.concurrency;
    slots.how = std::move(how);
    kinds_.push_back(std::move(slots));
  };
  for (auto& kind : handlers.exec) {
    add("exec@", kind);
  }
  for (auto& kind : handlers.in_process) {
    threads += kind.concurrency;
    add("inproc@", kind);
  }
  threads_ = std::make_unique<WorkerThreads>(threads);
}

RunnerLoop::~RunnerLoop() {
  threads_->stop();
}

void RunnerLoop::run() {
  auto now = BootClock::now();
  auto next = attend_all(now);
  while (!finished(now)) {
    auto events = inbox_->take_until(next);
    for (auto& event : events) {
      std::visit([this](auto& happened) { on(happened); }, event);
    }
    now = BootClock::now();
    next = attend_all(now);
  }
  for (auto& event : inbox_->close()) {
    if (const auto* claimed = std::get_if<Claimed>(&event)) {
      turns::give_back(engine_, turns::receipts_of(claimed->grants));
    }
  }
}

/// Does what is due. @returns when to do so again
MonoTime RunnerLoop::attend_all(MonoTime now) {
  if (now >= patience_end_) {
    interrupt_all(now);
  }
  auto next = std::min({now + idle_max, end_, interrupted_all_ ? MonoTime::max() : patience_end_});
  for (auto entry = attempts_.begin(); entry != attempts_.end();) {
    const auto attempt = entry++; // giving one up takes it out
    if (attempt->second.outcome && now >= attempt->second.outcome_until) {
      spdlog::warn("runner.outcome_given_up kind={} subject={} job={}", quoted(kinds_[attempt->second.kind].kind),
                   quoted(attempt->second.subject), attempt->second.job);
      forget(attempt);
      continue;
    }
    next = std::min(next, attend(attempt->first, attempt->second, now));
  }
  for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
    next = std::min(next, attend(kind, now));
  }
  flush(now);
  return next;
}

void RunnerLoop::on(StopAsked& event) {
  stopping_ = true;
  patience_end_ = event.patience_end;
  for (auto& slots : kinds_) {
    abandon_claim(slots);
  }
}

void RunnerLoop::interrupt_all(MonoTime now) {
  if (std::exchange(interrupted_all_, true)) {
    return;
  }
  milliseconds grace{0};
  for (auto& [number, attempt] : attempts_) {
    if (attempt.running()) {
      grace = std::max(grace, grace_of(attempt));
      interrupt(attempt, Interruption::stopping);
    }
  }
  end_ = now + grace + config_.farewell;
}

bool RunnerLoop::finished(MonoTime now) const {
  return stopping_ && (attempts_.empty() || now >= end_);
}

void RunnerLoop::say(AttemptNumber number, actors::Answer answer) {
  outbox_.push_back(std::move(answer));
  outbox_attempts_.push_back(number);
}

/// One call for all that this round has to say.
void RunnerLoop::flush(MonoTime now) {
  if (outbox_.empty()) {
    return;
  }
  std::vector<BatchReply::Item> items;
  items.reserve(outbox_.size());
  for (std::size_t i = 0; i < outbox_.size(); ++i) {
    items.push_back({outbox_attempts_[i], outbox_[i].verb});
  }
  outbox_attempts_.clear();
  engine_.answer(std::exchange(outbox_, {}), std::make_shared<BatchReply>(inbox_, std::move(items), now));
}

milliseconds RunnerLoop::retry_wait(unsigned tries) const {
  return std::min(config_.retry_wait_min * (1 << std::min(tries, 16U)), config_.retry_wait_max);
}

milliseconds RunnerLoop::grace_of(const Attempt& attempt) const {
  const auto* exec = std::get_if<ExecKind>(&kinds_[attempt.kind].how);
  return exec == nullptr ? milliseconds{0} : exec->grace;
}

std::string RunnerLoop::worker_name(std::string_view prefix) const {
  return model::to_utf8(std::string{prefix} + config_.node_name, model::worker_bytes_max);
}

/// How long an attempt may run, as far as the runner sees to it; zero: as long as its lease is extended.
milliseconds RunnerLoop::timeout_of(const Slots& slots) const {
  return std::visit(model::Overloaded{[](const PushKind&) { return milliseconds{0}; }, // the courier sees to that
                                      [](const auto& how) { return how.timeout; }},
                    slots.how);
}

} // namespace turnwise::handlers
