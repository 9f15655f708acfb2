// The oracle's rules.
#include "tests/model/oracle.hpp"

#include <algorithm>

#include "model/policy.hpp"

namespace turnwise::model {

namespace {

const std::string ask = "ask the journal";
const std::string stale = "error stale-fence";

std::string text(WallTime at) {
  return std::to_string(at.time_since_epoch().count());
}

std::string job_text(std::uint64_t number) {
  return " #" + std::to_string(number);
}

std::string attempt_text(std::uint64_t number, std::uint32_t attempt) {
  return job_text(number) + " attempt " + std::to_string(attempt);
}

std::string outcome_text(JobState state, std::optional<WallTime> at) {
  return "outcome " + std::string{name(state)} + (at ? " at " + text(*at) : "");
}

/// The span and one percent, as long as it may take by a slow clock.
microseconds stretched(milliseconds span) {
  return span + microseconds{span} / 100;
}

/// The longest span that is over within `left` also by a slow clock.
milliseconds shrunk(microseconds left) {
  return milliseconds{std::max<std::int64_t>(left.count(), 0) / 1'010};
}

} // namespace

Words Oracle::expect(const Command& command, Now now, std::uint64_t random) {
  const Moment moment{now, random};
  Words lines = std::visit([&](const auto& asked) { return expect(asked, moment); }, command);
  for (std::string& line : grant_hold(moment)) {
    lines.push_back(std::move(line));
  }
  return sorted_moments(std::move(lines));
}

void Oracle::take_over(Now now) {
  std::erase_if(jobs_, [](const auto& job) { return job.second.is_hold && job.second.state == JobState::waiting; });
  for (auto& [number, job] : jobs_) {
    if (job.is_hold && job.state == JobState::running) {
      job.deadline = now.mono + stretched(job.ttl);
    } else if (job.state == JobState::running) {
      job.deadline = now.mono + stretched(job.policy.lease);
      if (job.policy.timeout.count() > 0) {
        job.timeout_at = std::max(job.deadline, now.mono + (job.started_at + stretched(job.policy.timeout) - now.wall));
      }
    }
  }
}

// ── Rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

bool Oracle::is_inside(const Job& job) {
  return job.state == JobState::waiting || job.state == JobState::running || job.state == JobState::retrying ||
         job.state == JobState::halted;
}

bool Oracle::may_expire(const Job& job) {
  return job.expires_at && (job.state == JobState::scheduled || job.state == JobState::retrying ||
                            (job.state == JobState::waiting && job.attempt == 0));
}

Oracle::Jobs::const_iterator Oracle::runner() const {
  return std::find_if(jobs_.begin(), jobs_.end(), [](const auto& job) { return job.second.state == JobState::running; });
}

Oracle::Jobs::const_iterator Oracle::oldest_inside() const {
  return std::find_if(jobs_.begin(), jobs_.end(), [](const auto& job) { return is_inside(job.second); });
}

std::uint64_t Oracle::position(std::uint64_t number) const {
  return static_cast<std::uint64_t>(std::count_if(jobs_.begin(), jobs_.end(), [number](const auto& other) {
    return other.first != number && is_inside(other.second) &&
           (other.first < number || other.second.state == JobState::running);
  }));
}

Oracle::Job* Oracle::find_open(EntryNumber entry) {
  const auto place = jobs_.find(entry.value());
  return place == jobs_.end() || is_final(place->second.state) ? nullptr : &place->second;
}

Oracle::Job* Oracle::claimed(const Claim& claim, Words& instead) {
  Job* job = find_open(claim.entry);
  if (job == nullptr || job->is_hold || (job->answer == Answer::none && claim.attempt.value() == job->attempt)) {
    instead = {ask};
  } else if (job->answer == Answer::none || claim.attempt.value() != job->attempt || claim.nonce != job->nonce) {
    instead = {stale};
  }
  return instead.empty() ? job : nullptr;
}

std::string Oracle::end_attempt(std::uint64_t number, Job& job, const std::string& cause, Retry retry,
                                std::optional<milliseconds> retry_after, Moment moment) {
  ++job.failures;
  job.due.reset();
  if (job.asked_to_stop) {
    job.state = JobState::cancelled;
  } else if (retry == Retry::never || job.failures >= job.policy.max_attempts) {
    job.state = job.policy.on_failure == OnFailure::park   ? JobState::parked
                : job.policy.on_failure == OnFailure::halt ? JobState::halted
                                                           : JobState::failed;
  } else {
    job.state = JobState::retrying;
    job.due = moment.now.wall + retry_after.value_or(backoff_delay(job.policy.backoff, job.failures, moment.random));
  }
  job.answer = cause == "failed" ? Answer::none : Answer::late;
  return cause + attempt_text(number, job.attempt) + " then " + std::string{name(job.state)} +
         (job.due ? " at " + text(*job.due) : "");
}

Words Oracle::settle(WallTime now) {
  Words lines;
  for (auto& [number, job] : jobs_) {
    if (may_expire(job) && *job.expires_at <= now) {
      job.state = JobState::failed;
      lines.push_back("wait-expired" + job_text(number));
    } else if (job.state == JobState::scheduled && *job.due <= now) {
      job.state = JobState::waiting;
      job.due.reset();
      lines.push_back("due" + job_text(number));
    }
  }
  return lines;
}

// ── Commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

Words Oracle::expect(const Submit& command, Moment moment) {
  const NewJob& asked = command.job;
  const WallTime now = moment.now.wall;
  if (asked.expires_at && *asked.expires_at <= now) {
    return {"error malformed"};
  }
  Words lines = settle(now);
  const auto told = [&](std::initializer_list<std::string> more) {
    lines.insert(lines.end(), more);
    return lines;
  };
  std::optional<WallTime> run_at = asked.run_at;
  if (asked.delay) {
    run_at = now + *asked.delay;
  }
  if (run_at && *run_at <= now) {
    run_at.reset();
  }
  const std::string until = asked.expires_at ? " until " + text(*asked.expires_at) : "";
  const auto answer = [&](const std::string& disposition, std::uint64_t number) {
    return disposition + job_text(number) + " " + std::string{name(jobs_.at(number).state)} + " position " +
           std::to_string(position(number));
  };
  for (auto place = jobs_.rbegin(); place != jobs_.rend(); ++place) {
    const auto& [number, job] = *place;
    const bool waits = job.state == JobState::waiting;
    if (job.is_hold || job.kind != asked.kind || run_at) {
      continue;
    }
    const bool works = job.state == JobState::running && !job.asked_to_stop;
    const bool absorbs = (asked.coalesce == Coalesce::skip && (waits || job.state == JobState::retrying || works)) ||
                         (asked.coalesce == Coalesce::once_more && waits);
    const bool is_replaced = asked.coalesce == Coalesce::replace && waits && job.attempt == 0;
    if (absorbs && !asked.key.empty()) {
      lines.push_back("coalesced" + job_text(number));
    }
    if (absorbs) {
      return told({answer("coalesced", number)});
    }
    if (is_replaced) {
      place->second.expires_at = asked.expires_at;
      return told({"replaced" + job_text(number) + until, answer("replaced", number)});
    }
  }
  const std::uint64_t number = command.entry.value();
  Job& job = jobs_[number];
  job.kind = asked.kind;
  job.state = run_at ? JobState::scheduled : JobState::waiting;
  job.due = run_at;
  job.expires_at = asked.expires_at;
  return told({"submitted" + job_text(number) + " " + asked.kind + (run_at ? " at " + text(*run_at) : "") + until,
               answer("accepted", number)});
}

Words Oracle::expect(const Start& command, Moment moment) {
  Words lines = settle(moment.now.wall);
  const auto next = oldest_inside();
  const bool can_start = runner() == jobs_.end() && !pause_ && next != jobs_.end() && !next->second.is_hold &&
                         next->second.kind == kinds_.name(command.kind) &&
                         (next->second.state == JobState::waiting ||
                          (next->second.state == JobState::retrying && *next->second.due <= moment.now.wall));
  if (!can_start) {
    lines.emplace_back("nothing to start");
    return lines;
  }
  const std::uint64_t number = next->first;
  Job& job = jobs_.at(number);
  job.state = JobState::running;
  job.due.reset();
  ++job.attempt;
  job.answer = Answer::open;
  job.nonce = command.nonce;
  job.policy = command.policy;
  job.asked_to_stop = false;
  job.started_at = moment.now.wall;
  job.timeout_at = job.policy.timeout.count() > 0 ? moment.now.mono + stretched(job.policy.timeout) : MonoTime::max();
  job.deadline = std::min(job.timeout_at, moment.now.mono + stretched(job.policy.lease));
  lines.push_back("started" + attempt_text(number, job.attempt));
  lines.push_back("grant" + attempt_text(number, job.attempt) + " of " + job.kind + " until " +
                  std::to_string(job.deadline.time_since_epoch().count()));
  return lines;
}

Words Oracle::expect(const Complete& command, Moment) {
  Words instead;
  Job* job = claimed(command.claim, instead);
  if (job == nullptr) {
    return instead;
  }
  job->state = JobState::succeeded;
  return {"succeeded" + attempt_text(command.claim.entry.value(), job->attempt), "outcome succeeded"};
}

Words Oracle::expect(const Fail& command, Moment moment) {
  Words instead;
  Job* job = claimed(command.claim, instead);
  if (job == nullptr) {
    return instead;
  }
  if (job->answer == Answer::late) {
    return {outcome_text(job->state, job->due)};
  }
  const std::string line = end_attempt(command.claim.entry.value(), *job, "failed", command.retry, command.retry_after, moment);
  return {line, outcome_text(job->state, job->due)};
}

Words Oracle::expect(const Release& command, Moment moment) {
  Words instead;
  Job* job = claimed(command.claim, instead);
  if (job == nullptr) {
    return instead;
  }
  if (job->answer == Answer::late) {
    return {outcome_text(job->state, job->due)};
  }
  const std::uint64_t number = command.claim.entry.value();
  if (job->asked_to_stop) {
    return {end_attempt(number, *job, "failed", Retry::by_policy, {}, moment), "outcome cancelled"};
  }
  job->state = command.retry_after ? JobState::retrying : JobState::waiting;
  job->answer = Answer::none;
  std::string line = "released" + attempt_text(number, job->attempt);
  if (command.retry_after) {
    job->due = moment.now.wall + *command.retry_after;
    line += " at " + std::to_string(job->due->time_since_epoch().count());
  }
  return {line, outcome_text(job->state, job->due)};
}

Words Oracle::expect(const Heartbeat& command, Moment moment) {
  Words instead;
  Job* job = claimed(command.claim, instead);
  if (job == nullptr) {
    return instead;
  }
  if (job->answer == Answer::late) {
    return {stale};
  }
  job->deadline = std::min(job->timeout_at, moment.now.mono + stretched(job->policy.lease));
  const auto told = std::min(job->policy.lease, shrunk(job->timeout_at - moment.now.mono));
  return {"extended by " + std::to_string(told.count()) + (job->asked_to_stop ? ", stop" : "")};
}

Words Oracle::expect(const Cancel& command, Moment) {
  const std::uint64_t number = command.entry.value();
  Job* job = find_open(command.entry);
  if (job == nullptr || job->is_hold) {
    return {ask};
  }
  if (job->state != JobState::running) {
    job->state = JobState::cancelled;
    return {"cancelled" + job_text(number), "changed to cancelled"};
  }
  const std::string answer = "changed to running, asked to stop";
  if (std::exchange(job->asked_to_stop, true)) {
    return {answer};
  }
  return {"cancel-requested" + job_text(number), answer};
}

Words Oracle::expect(const RetryNow& command, Moment) {
  Job* job = find_open(command.entry);
  if (job == nullptr || job->is_hold) {
    return {ask};
  }
  if (job->state == JobState::waiting || job->state == JobState::running) {
    return {"error wrong-state"};
  }
  const bool was_scheduled = job->state == JobState::scheduled;
  job->state = JobState::waiting;
  job->due.reset();
  if (!was_scheduled) {
    job->failures = 0;
    job->expires_at.reset();
  }
  return {(was_scheduled ? "due" : "retried") + job_text(command.entry.value()), "changed to waiting"};
}

Words Oracle::expect(const Tick&, Moment moment) {
  Words lines;
  const MonoTime now = moment.now.mono;
  if (const auto place = runner(); place != jobs_.end()) {
    Job& job = jobs_.at(place->first);
    const MonoTime end = job.is_hold ? job.deadline : std::min(job.deadline, job.timeout_at);
    if (job.is_hold && end <= now) {
      lines.push_back("hold-expired" + job_text(place->first));
      job.state = JobState::cancelled;
    } else if (end <= now) {
      const std::string cause = end == job.timeout_at ? "timed-out" : "expired";
      lines.push_back(end_attempt(place->first, job, cause, Retry::by_policy, {}, moment));
    }
  }
  for (std::string& line : settle(moment.now.wall)) {
    lines.push_back(std::move(line));
  }
  for (std::string& line : give_up(now)) {
    lines.push_back(std::move(line));
  }
  return lines;
}

// ── Looking ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

Words Oracle::jobs() const {
  Words lines;
  for (const bool inside : {true, false}) {
    for (const auto& [number, job] : jobs_) {
      if (!job.is_hold && !is_final(job.state) && is_inside(job) == inside) {
        lines.push_back(attempt_text(number, job.attempt) + " " + std::string{name(job.state)} + " position " +
                        std::to_string(position(number)) + (job.due ? " at " + text(*job.due) : ""));
      }
    }
  }
  return lines;
}

std::string Oracle::head(Now now) const {
  const auto next = oldest_inside();
  if (next == jobs_.end()) {
    return "empty";
  }
  const Job& job = next->second;
  const bool later = job.state == JobState::retrying && *job.due > now.wall;
  const char* status = runner() != jobs_.end()                   ? (runner()->second.is_hold ? "held" : "busy")
                       : job.state == JobState::halted || pause_ ? "stopped"
                       : later                                   ? "later"
                                                                 : "ready";
  return status + job_text(next->first) + " " + job.kind;
}

std::optional<MonoTime> Oracle::next_moment(Now now) const {
  MonoTime earliest = MonoTime::max();
  for (const auto& [number, job] : jobs_) {
    if (job.is_hold && !is_final(job.state)) {
      earliest = std::min(earliest, job.state == JobState::running ? job.deadline : job.give_up_at);
    } else if (job.state == JobState::running) {
      earliest = std::min({earliest, job.deadline, job.timeout_at});
    }
    if (job.state == JobState::scheduled) {
      earliest = std::min(earliest, now.at(*job.due));
    }
    if (may_expire(job)) {
      earliest = std::min(earliest, now.at(*job.expires_at));
    }
  }
  const auto next = oldest_inside();
  if (runner() == jobs_.end() && !pause_ && next != jobs_.end() && next->second.state == JobState::retrying &&
      *next->second.due > now.wall) {
    earliest = std::min(earliest, now.at(*next->second.due));
  }
  return earliest == MonoTime::max() ? std::nullopt : std::optional{earliest};
}

} // namespace turnwise::model
