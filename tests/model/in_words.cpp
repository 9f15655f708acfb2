// Actions as lines of text, to be compared and read.
#include <algorithm>
#include <array>

#include "tests/model/oracle.hpp"

namespace turnwise::model {

namespace {

std::string number(EntryNumber entry) {
  return " #" + std::to_string(entry.value());
}

std::string attempt_of(Attempt attempt) {
  return " attempt " + std::to_string(attempt.value());
}

std::string moment(const char* what, const std::optional<WallTime>& at) {
  return at ? std::string{" "} + what + " " + std::to_string(at->time_since_epoch().count()) : "";
}

std::string in_words(const Record& record) {
  const std::string start = std::string{name(event_of(record.body))} + number(record.entry);
  return std::visit(Overloaded{
                        [&](const Submitted& body) {
                          return start + " " + body.kind + moment("at", body.run_at) + moment("until", body.expires_at);
                        },
                        [&](const Started& body) { return start + attempt_of(body.attempt); },
                        [&](const Succeeded& body) { return start + attempt_of(body.attempt); },
                        [&](const AttemptFailed& body) {
                          return start + attempt_of(body.attempt) + " then " + std::string{name(body.next)} +
                                 moment("at", body.retry_at);
                        },
                        [&](const Released& body) { return start + attempt_of(body.attempt) + moment("at", body.retry_at); },
                        [&](const Replaced& body) { return start + moment("until", body.expires_at); },
                        [&](const auto&) { return start; },
                    },
                    record.body);
}

std::string in_words(const Response& response) {
  return std::visit(
      Overloaded{
          [](const Error& error) { return "error " + std::string{name(error.code)}; },
          [](const Accepted& accepted) {
            return std::string{name(accepted.disposition)} + number(accepted.entry) + " " + std::string{name(accepted.state)} +
                   " position " + std::to_string(accepted.position);
          },
          [](const Grant& grant) {
            return "grant" + number(grant.entry) + attempt_of(grant.attempt) + " of " + grant.kind + " until " +
                   std::to_string(grant.deadline.time_since_epoch().count());
          },
          [](const NothingToStart&) { return std::string{"nothing to start"}; },
          [](const Outcome& outcome) { return "outcome " + std::string{name(outcome.state)} + moment("at", outcome.retry_at); },
          [](const Extended& extended) {
            return "extended by " + std::to_string(extended.lease.count()) + (extended.cancel ? ", stop" : "");
          },
          [](const Changed& changed) {
            return "changed to " + std::string{name(changed.state)} + (changed.cancel_requested ? ", asked to stop" : "");
          },
          [](const HoldGrant& grant) { return "hold granted" + number(grant.entry); },
          [](const HoldGone&) { return std::string{"hold gone"}; },
          [](const SubjectBusy& busy) { return "busy behind " + std::to_string(busy.queue_length); },
          [](const PauseChanged& changed) { return std::string{changed.pause ? "now paused" : "now not paused"}; },
          [](const auto&) { return std::string{"view"}; },
      },
      response);
}

bool is_of_a_moment(const std::string& line) {
  return line.starts_with("due ") || line.starts_with("wait-expired ");
}

} // namespace

Words in_words(const std::vector<Action>& actions) {
  Words lines;
  for (const Action& action : actions) {
    lines.push_back(std::visit(Overloaded{
                                   [](const Append& append) { return in_words(append.record); },
                                   [](const Reply& reply) { return in_words(reply.response); },
                                   [](const AskJournal&) { return std::string{"ask the journal"}; },
                                   [](const Listed&) { return std::string{"listed"}; },
                                   [](const WantsEnd&) { return std::string{"wants to end"}; },
                               },
                               action));
  }
  return sorted_moments(std::move(lines));
}

Words sorted_moments(Words lines) {
  for (auto begin = lines.begin(); begin != lines.end();) {
    const auto end = std::find_if_not(begin, lines.end(), is_of_a_moment);
    std::sort(begin, end);
    begin = end == lines.end() ? end : end + 1;
  }
  return lines;
}

std::string head_in_words(const Mailbox& mailbox, Now now, const KindTable& kinds) {
  static constexpr std::array<const char*, 6> statuses{"empty", "ready", "busy", "held", "later", "stopped"};
  const Head head = mailbox.head(now);
  const std::string status = statuses.at(static_cast<std::size_t>(head.status));
  if (head.status == Head::Status::empty) {
    return status;
  }
  return status + number(head.entry) + " " + kinds.name(head.kind);
}

Words jobs_in_words(Mailbox& mailbox, Now now, KindTable& kinds) {
  std::vector<Action> actions;
  mailbox.handle(Describe{1'000'000, {}}, Context{ShardId{1}, now, kinds, 0}, actions);
  Words lines;
  for (const JobView& job : std::get<SubjectView>(std::get<Reply>(actions.at(0)).response).jobs) {
    lines.push_back(number(job.entry) + attempt_of(job.attempt) + " " + std::string{name(job.state)} + " position " +
                    std::to_string(job.position) + (job.due ? moment("at", job.due) : ""));
  }
  return lines;
}

} // namespace turnwise::model
