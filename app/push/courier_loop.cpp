#include "app/push/courier_loop.hpp"

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace turnwise::push {

namespace {

using handlers::GiveUp;
using handlers::RetryLater;
using model::BootClock;

/// The loop looks around this often, also when nothing is due.
constexpr milliseconds idle_max{60'000};

CourierConfig completed(CourierConfig config) {
  if (!config.now) {
    config.now = [] { return std::chrono::time_point_cast<model::microseconds>(std::chrono::system_clock::now()); };
  }
  if (!config.lookup) {
    config.lookup = push::look_up;
  }
  return config;
}

/// TLS writes to sockets that may be closed; who calls this hears of it by an error, whatever the process does with the signal.
void block_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

RetryLater broken_off() {
  return RetryLater{"the push was broken off"};
}

} // namespace

// ── Inbox ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

CourierInbox::CourierInbox() : multi_(curl_multi_init(), curl_multi_cleanup) {
  if (!multi_) {
    throw std::runtime_error("libcurl cannot be used");
  }
}

bool CourierInbox::push(CourierEvent event) {
  const std::lock_guard lock(mutex_);
  if (closed_) {
    return false;
  }
  events_.push_back(std::move(event));
  curl_multi_wakeup(multi_.get());
  return true;
}

std::vector<CourierEvent> CourierInbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

std::vector<CourierEvent> CourierInbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  multi_.reset();
  return std::exchange(events_, {});
}

// ── Loop ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

CourierLoop::CourierLoop(CourierConfig config)
    : config_(completed(std::move(config))),
      multi_(inbox_->multi()),
      room_(config_.under_way_max, config_.per_place_max),
      lookup_threads_(config_.lookup_threads) {}

void CourierLoop::run() {
  block_sigpipe();
  while (!ending_) {
    for (auto& event : inbox_->take()) {
      std::visit([this](auto& happened) { on(happened); }, event);
    }
    start_who_may();
    int running = 0;
    curl_multi_perform(multi_, &running);
    collect();
    end_overdue();
    start_who_may(); // where others have left
    if (!ending_) {
      curl_multi_poll(multi_, nullptr, 0, wait_ms(), nullptr);
    }
  }
  while (!tasks_.empty()) {
    end(tasks_.begin(), broken_off());
  }
  lookup_threads_.stop();
  for (auto& event : inbox_->close()) {
    if (auto* wanted = std::get_if<Wanted>(&event)) {
      wanted->done(broken_off());
    }
  }
}

void CourierLoop::on(Wanted& event) {
  const DeliveryId id{++last_id_};
  auto url = parse_target(event.delivery.target->url, config_.transfers.schemes);
  if (!url) {
    event.done(GiveUp{"blocked_destination: " + url.error().detail});
    return;
  }
  const auto task = tasks_.emplace(id, Task{std::move(event), std::move(*url), {}, {}, {}}).first;
  room_.arrive(task->second.url.place(), id);
  task->second.on_stop =
      std::make_unique<StopCallback>(task->second.wanted.stop, [inbox = inbox_, id] { inbox->push(BrokenOff{id}); });
}

void CourierLoop::on(BrokenOff& event) {
  if (const auto task = tasks_.find(event.delivery); task != tasks_.end()) {
    end(task, broken_off());
  }
}

void CourierLoop::on(EndAsked& /*event*/) {
  ending_ = true;
}

void CourierLoop::start_who_may() {
  while (const auto id = room_.next()) {
    const auto task = tasks_.find(*id);
    task->second.deadline = BootClock::now() + task->second.wanted.delivery.target->timeout;
    look_up(task);
  }
}

/// Of several who want the same host at a time, one lookup serves all: a name server that hangs costs one thread per name.
void CourierLoop::look_up(Tasks::iterator task) {
  const std::string& host = task->second.url.host;
  auto& who = lookups_[host];
  who.push_back(task->first);
  if (who.size() == 1) {
    lookup_threads_.post([inbox = inbox_, lookup = config_.lookup, host] { inbox->push(LookedUp{host, lookup(host)}); });
  }
}

void CourierLoop::on(LookedUp& event) {
  for (const DeliveryId id : std::exchange(lookups_[event.host], {})) {
    const auto task = tasks_.find(id);
    if (task == tasks_.end()) {
      continue; // it has ended meanwhile
    }
    if (event.addresses) {
      connect(task, *event.addresses);
    } else {
      end(task, RetryLater{event.addresses.error().detail});
    }
  }
  lookups_.erase(event.host);
}

/// Why a push may not go there, if so: each of the addresses counts, since who controls a name may mix them.
std::optional<std::string> CourierLoop::refusal(const TargetUrl& url, const std::vector<Address>& addresses) const {
  for (const auto& address : addresses) {
    if (auto why = config_.transfers.rules.refusal(address, url.port)) {
      return fmt::format("{}: {}", url.host, *why);
    }
  }
  return std::nullopt;
}

void CourierLoop::connect(Tasks::iterator entry, const std::vector<Address>& addresses) {
  auto& task = entry->second;
  if (const auto why = refusal(task.url, addresses)) {
    end(entry, GiveUp{"blocked_destination: " + *why});
    return;
  }
  const auto left = std::chrono::duration_cast<milliseconds>(*task.deadline - BootClock::now());
  task.transfer = std::make_unique<Transfer>(config_.transfers, task.wanted.delivery, task.url, addresses, config_.now(),
                                             std::max(left, milliseconds{1}));
  CURL* handle = task.transfer->handle();
  if (handle == nullptr || curl_multi_add_handle(multi_, handle) != CURLM_OK) {
    task.transfer.reset();
    end(entry, RetryLater{"libcurl could not begin the push"});
    return;
  }
  curl_easy_setopt(handle, CURLOPT_PRIVATE, &entry->first); // stays where it is as long as the task is there
}

/// Takes the outcomes of transfers that have ended.
void CourierLoop::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) {
      continue;
    }
    char* id = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &id);
    const CURLcode code = message->data.result;
    const auto task = tasks_.find(*static_cast<const DeliveryId*>(static_cast<const void*>(id)));
    end(task, task->second.transfer->outcome(code));
  }
}

/// libcurl sees to the deadlines of transfers; lookups know none.
void CourierLoop::end_overdue() {
  const auto now = BootClock::now();
  for (auto task = tasks_.begin(); task != tasks_.end();) {
    const auto entry = task++;
    if (entry->second.deadline && !entry->second.transfer && now >= *entry->second.deadline) {
      end(entry, RetryLater{fmt::format("{} could not be looked up in time", entry->second.url.host)});
    }
  }
}

/// How long nothing is due, beside what libcurl knows itself.
int CourierLoop::wait_ms() const {
  auto next = BootClock::now() + idle_max;
  for (const auto& [id, task] : tasks_) {
    if (task.deadline && !task.transfer) {
      next = std::min(next, *task.deadline);
    }
  }
  const auto wait = std::chrono::ceil<milliseconds>(next - BootClock::now());
  return static_cast<int>(std::max(wait, milliseconds{0}).count());
}

void CourierLoop::end(Tasks::iterator entry, Outcome outcome) {
  auto task = std::move(entry->second);
  const DeliveryId id = entry->first;
  tasks_.erase(entry);
  if (task.transfer) {
    curl_multi_remove_handle(multi_, task.transfer->handle());
  }
  const std::string place = task.url.place();
  if (!room_.give_up(place, id)) {
    room_.leave(place);
  }
  task.on_stop.reset();
  task.wanted.done(std::move(outcome));
}

} // namespace turnwise::push
