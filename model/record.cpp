// The names of states and events, and what a record alone says.
#include "model/record.hpp"

#include <array>
#include <utility>

namespace turnwise::model {

namespace {

constexpr std::array<std::pair<JobState, std::string_view>, 9> state_names{{
    {JobState::scheduled, "scheduled"},
    {JobState::waiting, "waiting"},
    {JobState::running, "running"},
    {JobState::retrying, "retrying"},
    {JobState::halted, "halted"},
    {JobState::parked, "parked"},
    {JobState::succeeded, "succeeded"},
    {JobState::failed, "failed"},
    {JobState::cancelled, "cancelled"},
}};

constexpr std::array<std::pair<CarriedType, std::string_view>, 3> carried_types{{
    {CarriedType::job, "job"},
    {CarriedType::hold, "hold"},
    {CarriedType::pause, "pause"},
}};

Event event_of(FailureCause cause) {
  switch (cause) {
  case FailureCause::failed:
    return Event::failed;
  case FailureCause::expired:
    return Event::expired;
  case FailureCause::timed_out:
    return Event::timed_out;
  }
  return Event::failed;
}

} // namespace

std::string_view name(JobState state) {
  for (const auto& [known, text] : state_names) {
    if (known == state) {
      return text;
    }
  }
  return "unknown";
}

std::optional<JobState> job_state(std::string_view name) {
  for (const auto& [state, text] : state_names) {
    if (text == name) {
      return state;
    }
  }
  return std::nullopt;
}

std::string_view name(CarriedType type) {
  return carried_types.at(static_cast<std::size_t>(type)).second;
}

std::optional<CarriedType> carried_type(std::string_view name) {
  for (const auto& [type, text] : carried_types) {
    if (text == name) {
      return type;
    }
  }
  return std::nullopt;
}

std::string_view name(FailureCause cause) {
  return name(event_of(cause));
}

std::string_view name(Event event) {
  switch (event) {
  case Event::submitted:
    return "submitted";
  case Event::due:
    return "due";
  case Event::started:
    return "started";
  case Event::succeeded:
    return "succeeded";
  case Event::failed:
    return "failed";
  case Event::expired:
    return "expired";
  case Event::timed_out:
    return "timed-out";
  case Event::released:
    return "released";
  case Event::cancel_requested:
    return "cancel-requested";
  case Event::cancelled:
    return "cancelled";
  case Event::retried:
    return "retried";
  case Event::replaced:
    return "replaced";
  case Event::wait_expired:
    return "wait-expired";
  case Event::coalesced:
    return "coalesced";
  case Event::held:
    return "held";
  case Event::hold_prolonged:
    return "hold-prolonged";
  case Event::hold_released:
    return "hold-released";
  case Event::hold_expired:
    return "hold-expired";
  case Event::paused:
    return "paused";
  case Event::resumed:
    return "resumed";
  case Event::carried:
    return "carried";
  case Event::taken:
    return "taken";
  case Event::outside_cursor:
    return "outside-cursor";
  }
  return "unknown";
}

Event event_of(const RecordBody& body) {
  return std::visit(Overloaded{
                        [](const Submitted&) { return Event::submitted; },
                        [](const Due&) { return Event::due; },
                        [](const Started&) { return Event::started; },
                        [](const Succeeded&) { return Event::succeeded; },
                        [](const AttemptFailed& failed) { return event_of(failed.cause); },
                        [](const Released&) { return Event::released; },
                        [](const CancelRequested&) { return Event::cancel_requested; },
                        [](const Cancelled&) { return Event::cancelled; },
                        [](const Retried&) { return Event::retried; },
                        [](const Replaced&) { return Event::replaced; },
                        [](const WaitExpired&) { return Event::wait_expired; },
                        [](const Coalesced&) { return Event::coalesced; },
                        [](const Held&) { return Event::held; },
                        [](const HoldProlonged&) { return Event::hold_prolonged; },
                        [](const HoldReleased&) { return Event::hold_released; },
                        [](const HoldExpired&) { return Event::hold_expired; },
                        [](const Paused&) { return Event::paused; },
                        [](const Resumed&) { return Event::resumed; },
                        [](const Carried&) { return Event::carried; },
                        [](const Taken&) { return Event::taken; },
                        [](const OutsideCursor&) { return Event::outside_cursor; },
                    },
                    body);
}

std::optional<KeyUse> key_use(const RecordBody& body) {
  if (const auto* job = std::get_if<Submitted>(&body); job != nullptr && !job->key.empty()) {
    return KeyUse{job->subject, job->kind, job->key, job->fingerprint, std::nullopt};
  }
  if (const auto* carried = std::get_if<Carried>(&body); carried != nullptr && !carried->job.key.empty()) {
    return KeyUse{carried->job.subject, carried->job.kind, carried->job.key, carried->job.fingerprint, carried->since};
  }
  if (const auto* change = std::get_if<Replaced>(&body); change != nullptr && !change->key.empty()) {
    return KeyUse{change->subject, change->kind, change->key, change->fingerprint, std::nullopt};
  }
  if (const auto* absorbed = std::get_if<Coalesced>(&body); absorbed != nullptr && !absorbed->key.empty()) {
    return KeyUse{absorbed->subject, absorbed->kind, absorbed->key, absorbed->fingerprint, std::nullopt};
  }
  return std::nullopt;
}

OutsideId outside_of(const RecordBody& body) {
  return std::visit(
      [](const auto& concrete) {
        if constexpr (requires { concrete.outside; }) {
          return concrete.outside;
        } else {
          return OutsideId{};
        }
      },
      body);
}

std::size_t bytes_of(const RecordBody& body) {
  constexpr std::size_t numbers = 100; // keys, times and what else has a fixed size
  const auto of_job = [](const Submitted& job) {
    return job.subject.size() + job.kind.size() + job.key.size() + job.metadata.size() + job.payload.size() +
           job.traceparent.size();
  };
  const std::size_t texts = std::visit(
      Overloaded{
          [&](const Submitted& job) { return of_job(job); },
          [&](const Carried& carried) {
            return of_job(carried.job) + (carried.turn ? carried.turn->worker.size() + carried.turn->claimant.size() : 0) +
                   carried.by.size() + carried.why.size();
          },
          [](const Started& start) { return start.worker.size() + start.claimant.size(); },
          [](const Succeeded& success) { return success.result.size(); },
          [](const AttemptFailed& failure) { return failure.error.size(); },
          [](const Replaced& change) {
            return change.metadata.size() + change.payload.size() + change.subject.size() + change.kind.size() +
                   change.key.size() + change.traceparent.size();
          },
          [](const Coalesced& absorbed) { return absorbed.subject.size() + absorbed.kind.size() + absorbed.key.size(); },
          [](const Held& hold) { return hold.subject.size() + hold.owner.size() + hold.claimant.size(); },
          [](const Paused& pause) { return pause.subject.size() + pause.by.size() + pause.why.size(); },
          [](const Taken& taken) { return taken.why.size(); },
          [](const OutsideCursor& cursor) { return 16 * cursor.gaps.size(); },
          [](const auto&) { return std::size_t{0}; },
      },
      body);
  return numbers + texts;
}

std::string_view subject_of(const RecordBody& body) {
  return std::visit(
      [](const auto& concrete) -> std::string_view {
        if constexpr (requires { concrete.subject; }) {
          return concrete.subject;
        } else if constexpr (requires { concrete.job.subject; }) {
          return concrete.job.subject;
        } else {
          return {};
        }
      },
      body);
}

bool closes_entry(const RecordBody& body) {
  const auto state = state_after(body);
  return (state && is_final(*state)) || std::holds_alternative<HoldReleased>(body) ||
         std::holds_alternative<HoldExpired>(body) || std::holds_alternative<Resumed>(body);
}

std::optional<JobState> state_after(const RecordBody& body) {
  using State = std::optional<JobState>;
  return std::visit(
      Overloaded{
          [](const Submitted& job) -> State { return job.run_at ? JobState::scheduled : JobState::waiting; },
          [](const Due&) -> State { return JobState::waiting; },
          [](const Started&) -> State { return JobState::running; },
          [](const Succeeded&) -> State { return JobState::succeeded; },
          [](const AttemptFailed& failed) -> State { return failed.next; },
          [](const Released& back) -> State { return back.retry_at ? JobState::retrying : JobState::waiting; },
          [](const Cancelled&) -> State { return JobState::cancelled; },
          [](const Retried&) -> State { return JobState::waiting; },
          [](const WaitExpired&) -> State { return JobState::failed; },
          [](const Carried& carried) -> State { return carried.type == CarriedType::job ? State{carried.state} : State{}; },
          [](const auto&) -> State { return std::nullopt; },
      },
      body);
}

} // namespace turnwise::model
