// What people ask of a job: to stop, or to be tried now.
#include <utility>

#include "model/mailbox.hpp"

namespace turnwise::model {

void Mailbox::decide(Cancel& command, const Context& context, std::vector<Action>& actions) {
  const Entry* entry = find_job(command.entry);
  if (entry == nullptr) {
    actions.emplace_back(AskJournal{std::move(command)});
    return;
  }
  if (entry->state != JobState::running) {
    record(entry->number, Cancelled{}, context, actions);
    actions.emplace_back(Reply{std::move(command.ticket), Changed{JobState::cancelled, false}});
    return;
  }
  if (!entry->turn->cancel_requested) {
    record(entry->number, CancelRequested{}, context, actions); // whoever runs it hears so with its next heartbeat
  }
  actions.emplace_back(Reply{std::move(command.ticket), Changed{JobState::running, true}});
}

void Mailbox::decide(RetryNow& command, const Context& context, std::vector<Action>& actions) {
  const Entry* entry = find_job(command.entry);
  if (entry == nullptr) {
    actions.emplace_back(AskJournal{std::move(command)});
    return;
  }
  switch (entry->state) {
  case JobState::scheduled:
    record(entry->number, Due{}, context, actions);
    break;
  case JobState::parked:
  case JobState::halted:
  case JobState::retrying:
    record(entry->number, Retried{}, context, actions);
    break;
  default:
    Error error{Errc::wrong_state,
                "The job is " + std::string{name(entry->state)} +
                    "; only a scheduled, retrying, parked or halted job can be sent to work now.",
                {}};
    actions.emplace_back(Reply{std::move(command.ticket), std::move(error)});
    return;
  }
  actions.emplace_back(Reply{std::move(command.ticket), Changed{JobState::waiting, false}});
}

} // namespace turnwise::model
