// Telling people what is in a mailbox, and why each job waits.
#include <utility>

#include "model/job_story.hpp"
#include "model/mailbox.hpp"

namespace turnwise::model {

void Mailbox::decide(Describe& command, const Context& context, std::vector<Action>& actions) {
  SubjectView view;
  view.queue_length = queue_.size();
  view.outside_count = rare_ ? rare_->outside.size() : 0;
  view.turn = turn_view(context.now);
  view.pause = pause_view();
  const auto enough = [&](const Entry& entry) {
    if (entry.type != EntryType::job) {
      return false;
    }
    if (view.jobs.size() == command.jobs_max) {
      return true;
    }
    view.jobs.push_back(describe(entry, context));
    return false;
  };
  if (queue_.first_where(enough) == nullptr && rare_) {
    static_cast<void>(rare_->outside.first_where(enough));
  }
  actions.emplace_back(Reply{std::move(command.ticket), std::move(view)});
}

std::optional<TurnView> Mailbox::turn_view(Now now) const {
  const Entry* holder = running();
  if (holder == nullptr) {
    return std::nullopt;
  }
  const Turn& turn = *holder->turn;
  return TurnView{
      .type = holder->type,
      .entry = holder->number,
      .attempt = holder->attempt,
      .worker = turn.worker,
      .started_at = turn.started_at,
      .deadline = now.wall + (turn.deadline - now.mono),
      .fencing_token = turn.token,
      .cancel_requested = turn.cancel_requested,
  };
}

std::optional<JobView> Mailbox::view(EntryNumber entry, const Context& context) const {
  const Entry* found = find_job(entry);
  return found == nullptr ? std::nullopt : std::optional{describe(*found, context)};
}

void Mailbox::decide(Recall& command, const Context& context, std::vector<Action>& actions) {
  const Entry* entry = find_job(command.entry);
  if (entry == nullptr) {
    actions.emplace_back(AskJournal{std::move(command)});
    return;
  }
  Accepted accepted{context.shard, entry->number, entry->state, Disposition::duplicate, position(entry->number)};
  actions.emplace_back(Reply{std::move(command.ticket), accepted});
}

void Mailbox::decide(Locate& command, const Context& context, std::vector<Action>& actions) {
  command.story->now = view(command.entry, context);
  actions.emplace_back(Reply{std::move(command.ticket), std::shared_ptr<const JobStory>(std::move(command.story))});
}

JobView Mailbox::describe(const Entry& entry, const Context& context) const {
  JobView view;
  view.entry = entry.number;
  view.kind = context.kinds.name(entry.kind);
  view.state = entry.state;
  view.attempt = entry.attempt;
  view.position = position(entry.number);
  if (entry.state == JobState::scheduled || entry.state == JobState::retrying) {
    view.due = entry.due;
  }
  explain_wait(entry, context.now.wall, view);
  if (view.reason == WaitReason::no_worker && context.waits != nullptr) {
    view.kind_wait = context.waits->wait_of(entry.kind);
    view.reason = !view.kind_wait         ? WaitReason::no_worker
                  : view.kind_wait->pause ? WaitReason::kind_paused
                                          : WaitReason::kind_limit;
  }
  return view;
}

void Mailbox::explain_wait(const Entry& entry, WallTime now, JobView& view) const {
  switch (entry.state) {
  case JobState::scheduled:
    view.reason = WaitReason::scheduled;
    return;
  case JobState::parked:
    view.reason = WaitReason::parked;
    return;
  case JobState::halted:
    view.reason = WaitReason::halted;
    return;
  case JobState::waiting:
  case JobState::retrying:
    break;
  default:
    return;
  }
  // Who has the turn stands in the way first; without a turn, it is the oldest of the queue.
  const Entry& blocker = running_ != nobody ? *running() : queue_.front();
  if (blocker.number != entry.number) {
    view.behind = blocker.number;
    view.reason = blocker.type == EntryType::hold ? WaitReason::behind_hold
                  : blocker.number < entry.number ? WaitReason::behind
                                                  : WaitReason::behind_turn;
  } else if (is_paused()) {
    view.reason = WaitReason::paused;
  } else {
    const bool backs_off = entry.state == JobState::retrying && entry.due > now;
    view.reason = backs_off ? WaitReason::backing_off : WaitReason::no_worker;
  }
}

/// Older jobs of the queue, and a younger one that has the turn.
std::uint64_t Mailbox::position(EntryNumber number) const {
  return queue_.rank(number) + (running_ > number ? 1 : 0);
}

std::vector<EntryNumber> Mailbox::answerable() const {
  std::vector<EntryNumber> entries;
  const auto collect = [&entries](const Entry& entry) {
    if (entry.turn) {
      entries.push_back(entry.number);
    }
  };
  queue_.for_each(collect);
  if (rare_) {
    rare_->outside.for_each(collect);
  }
  return entries;
}

std::optional<Mailbox::Running> Mailbox::running_job() const {
  const Entry* holder = running();
  if (holder == nullptr || holder->type != EntryType::job) {
    return std::nullopt;
  }
  return Running{holder->kind, holder->turn->started_at};
}

FencingToken Mailbox::open_token() const {
  const Entry* holder = running();
  return holder == nullptr ? FencingToken{} : holder->turn->token;
}

} // namespace turnwise::model
