// The oracle's rules for holds and pauses.
#include "tests/model/oracle.hpp"

#include <algorithm>

namespace turnwise::model {

namespace {

std::string hold_text(const char* what, std::uint64_t number) {
  return std::string{what} + " #" + std::to_string(number);
}

} // namespace

std::string Oracle::busy() const {
  const auto queued = std::count_if(jobs_.begin(), jobs_.end(), [](const auto& job) { return is_inside(job.second); });
  return "busy behind " + std::to_string(queued);
}

std::size_t Oracle::open_count() const {
  const auto open = std::count_if(jobs_.begin(), jobs_.end(), [](const auto& job) { return !is_final(job.second.state); });
  return static_cast<std::size_t>(open) + (pause_ ? 1 : 0);
}

Oracle::Job* Oracle::open_hold(EntryNumber entry) {
  Job* job = find_open(entry);
  return job != nullptr && job->is_hold && job->state == JobState::running ? job : nullptr;
}

Words Oracle::expect(const TakeHold& command, Moment moment) {
  Words lines = settle(moment.now.wall);
  const bool is_busy = pause_ || oldest_inside() != jobs_.end();
  if (is_busy && command.on_busy == OnBusy::defer) {
    for (std::string& line : expect(Submit{command.entry, *command.deferred, {}}, moment)) {
      lines.push_back(std::move(line));
    }
    return lines;
  }
  const MonoTime give_up_at = command.arrived + command.wait;
  if (is_busy && (command.on_busy == OnBusy::skip || give_up_at <= moment.now.mono)) {
    lines.push_back(busy());
    return lines;
  }
  Job& hold = jobs_[command.entry.value()];
  hold.kind = kinds_.name(KindId{});
  hold.state = JobState::waiting;
  hold.is_hold = true;
  hold.ttl = command.ttl;
  hold.give_up_at = give_up_at;
  return lines;
}

/// After every command: the oldest of the queue may be a hold whose turn has come.
Words Oracle::grant_hold(Moment moment) {
  const auto next = oldest_inside();
  if (pause_ || runner() != jobs_.end() || next == jobs_.end() || !next->second.is_hold) {
    return {};
  }
  Job& hold = jobs_.at(next->first);
  hold.state = JobState::running;
  hold.deadline = moment.now.mono + hold.ttl + microseconds{hold.ttl} / 100;
  return {hold_text("held", next->first), hold_text("hold granted", next->first)};
}

Words Oracle::give_up(MonoTime now) {
  Words lines;
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    const bool gives_up = job->second.is_hold && job->second.state == JobState::waiting && job->second.give_up_at <= now;
    job = gives_up ? jobs_.erase(job) : std::next(job);
    if (gives_up) {
      lines.push_back(busy());
    }
  }
  return lines;
}

Words Oracle::expect(const RenewHold& command, Moment moment) {
  Job* hold = open_hold(command.entry);
  if (hold == nullptr) {
    return {"error stale-fence"};
  }
  Words lines;
  if (command.ttl && *command.ttl != hold->ttl) {
    lines.push_back(hold_text("hold-prolonged", command.entry.value()));
    hold->ttl = *command.ttl;
  }
  hold->deadline = moment.now.mono + hold->ttl + microseconds{hold->ttl} / 100;
  lines.push_back("extended by " + std::to_string(hold->ttl.count()));
  return lines;
}

Words Oracle::expect(const ReleaseHold& command, Moment) {
  Job* hold = open_hold(command.entry);
  if (hold == nullptr) {
    return {"error stale-fence"};
  }
  hold->state = JobState::cancelled;
  return {hold_text("hold-released", command.entry.value()), "hold gone"};
}

Words Oracle::expect(const Pause& command, Moment) {
  pause_ = pause_.value_or(command.entry.value());
  return {hold_text("paused", *pause_), "now paused"};
}

Words Oracle::expect(const Resume&, Moment) {
  if (!pause_) {
    return {"now not paused"};
  }
  return {hold_text("resumed", *std::exchange(pause_, std::nullopt)), "now not paused"};
}

} // namespace turnwise::model
