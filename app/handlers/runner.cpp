#include "app/handlers/runner.hpp"

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/handlers/runner_loop.hpp"
#include "model/limits.hpp"
#include "model/subject.hpp"

namespace turnwise::handlers {

namespace {

constexpr milliseconds grace_max{60'000};

class Faults {
public:
  void unless(bool good, std::string sentence) {
    if (!good) {
      sentences_.push_back(std::move(sentence));
    }
  }
  template <class Kind>
  void check(const Kind& kind) {
    const auto valid = model::check_kind(kind.kind);
    unless(valid.ok(), valid.ok() ? "" : fmt::format("kind '{}': {}", kind.kind, valid.error().detail));
    unless(seen_.insert(kind.kind).second, fmt::format("kind '{}' has two handlers", kind.kind));
    unless(
        kind.concurrency >= 1 && kind.concurrency <= kind_concurrency_max,
        fmt::format("concurrency of '{}' is {}, and must be from 1 to {}", kind.kind, kind.concurrency, kind_concurrency_max));
    unless(kind.timeout.count() >= 0, fmt::format("timeout of '{}' is negative", kind.kind));
  }
  std::vector<std::string> take() && { return std::move(sentences_); }

private:
  std::set<std::string> seen_;
  std::vector<std::string> sentences_;
};

void check_exec(Faults& faults, const ExecKind& kind) {
  faults.check(kind);
  faults.unless(!kind.argv.empty() && !kind.argv.front().empty(), fmt::format("kind '{}' has no command", kind.kind));
  std::size_t bytes = 0;
  for (const auto& word : kind.argv) {
    bytes += word.size() + sizeof(std::uint32_t);
    faults.unless(word.find('\0') == std::string::npos, fmt::format("the command of '{}' has a NUL byte within", kind.kind));
  }
  // The other half is for the environment.
  faults.unless(bytes <= command_request_bytes_max / 2,
                fmt::format("the command of '{}' has more than {} bytes", kind.kind, command_request_bytes_max / 2));
  faults.unless(
      kind.grace.count() >= 0 && kind.grace <= grace_max,
      fmt::format("grace of '{}' is {} ms, and must be from 0 to {}", kind.kind, kind.grace.count(), grace_max.count()));
}

void check_times(Faults& faults, const RunnerConfig& config) {
  faults.unless(config.lease.count() >= 30 && config.lease <= model::lease_max,
                fmt::format("lease is {} ms, and must be from 30 to {}", config.lease.count(), model::lease_max.count()));
  for (const auto& [name, value] :
       {std::pair{"claim_wait", config.claim_wait}, std::pair{"answer_wait", config.answer_wait},
        std::pair{"retry_wait_min", config.retry_wait_min}, std::pair{"retry_wait_max", config.retry_wait_max}}) {
    faults.unless(value.count() >= 1 && value <= std::chrono::minutes(10),
                  fmt::format("{} is {} ms, and must be from 1 to 600000", name, value.count()));
  }
  faults.unless(config.outcome_grace.count() >= 0, "outcome_grace is negative");
  faults.unless(config.farewell.count() >= 0, "farewell is negative");
}

} // namespace

std::vector<std::string> validate(const RunnerConfig& config, const Handlers& handlers) {
  Faults faults;
  check_times(faults, config);
  std::size_t commands = 0;
  for (const auto& kind : handlers.exec) {
    check_exec(faults, kind);
    commands += kind.concurrency;
  }
  std::size_t threads = 0;
  for (const auto& kind : handlers.in_process) {
    faults.check(kind);
    faults.unless(static_cast<bool>(kind.handler), fmt::format("kind '{}' has no function", kind.kind));
    threads += kind.concurrency;
  }
  faults.unless(commands <= commands_max,
                fmt::format("all exec kinds together run {} commands at a time, and may run {}", commands, commands_max));
  faults.unless(threads <= handler_threads_max,
                fmt::format("all in-process kinds together need {} threads, and may have {}", threads, handler_threads_max));
  return std::move(faults).take();
}

model::Result<std::unique_ptr<Runner>> Runner::start(actors::Engine& engine, Spawner* spawner, RunnerConfig config,
                                                     Handlers handlers) {
  auto faults = validate(config, handlers);
  if (spawner == nullptr && !handlers.exec.empty()) {
    faults.push_back("exec kinds need a spawner");
  }
  if (!faults.empty()) {
    return model::Error{model::Errc::malformed, fmt::format("{}", fmt::join(faults, "; ")), {}};
  }
  try {
    return std::unique_ptr<Runner>(
        new Runner(std::make_unique<RunnerLoop>(engine, spawner, std::move(config), std::move(handlers))));
  } catch (const std::system_error& error) {
    return model::Error{model::Errc::internal, fmt::format("cannot start the runner's threads: {}", error.what()), {}};
  }
}

void Runner::set_push_kinds(std::vector<PushKind> kinds) {
  loop_->inbox().push(PushKindsSet{std::move(kinds)});
}

Runner::Runner(std::unique_ptr<RunnerLoop> loop) : loop_(std::move(loop)), thread_([this] { loop_->run(); }) {}

Runner::~Runner() {
  stop(milliseconds{0});
}

std::size_t Runner::stop(milliseconds patience) {
  if (thread_.joinable()) {
    loop_->inbox().push(StopAsked{model::BootClock::now() + patience});
    thread_.join();
    if (loop_->left_over() > 0) {
      spdlog::warn("runner.left_over attempts={}", loop_->left_over());
    }
  }
  return loop_->left_over();
}

} // namespace turnwise::handlers
