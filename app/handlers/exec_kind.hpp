// Jobs run by a command: payload on stdin, the rest in the environment, exit status is the outcome.
//
//   exit status     outcome
//   0               success; stdout is the result if it is JSON, else it becomes a JSON string
//   65 EX_DATAERR   failure that is not retried
//   75 EX_TEMPFAIL  failure that is retried as the job's policy says
//   other, signal   the same
//   none            the attempt is given back unused: the node could not start the command, or lost sight of it
//
// The command gets these variables and no others: TURNWISE_JOB, TURNWISE_SUBJECT, TURNWISE_KIND, TURNWISE_ATTEMPT,
// TURNWISE_FENCING_TOKEN, TURNWISE_LEASE_MS (after which silence of the node an attempt may be superseded), TURNWISE_METADATA
// and TRACEPARENT (if the job has any), and the node's PATH, HOME and LANG.
//
// A command that is to stop gets SIGTERM (its whole process group) and SIGKILL `grace` later. It must not exit with 0 then
// unless its work is done. When it loses its lease it is killed at once. What it started and left behind is killed when it
// ends, even daemons: nothing may run beside the next job of the subject.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/handlers/command.hpp"
#include "app/handlers/handler.hpp"
#include "model/command.hpp"

namespace turnwise::handlers {

struct ExecKind {
  std::string kind;
  std::vector<std::string> argv;        ///< program and arguments; no shell in between
  std::chrono::milliseconds timeout{0}; ///< longest run of one attempt; zero: none
  std::uint32_t concurrency{1};         ///< commands at a time
  std::chrono::milliseconds grace{5'000};
};

/// The command for one attempt.
CommandSpec command_for(const ExecKind& kind, const model::Grant& grant);

/// What the end of a command means for its job.
HandlerResult outcome_of(const CommandEnd& end);

/// The last lines that the command wrote, to stderr if there are any, else to stdout: for error texts.
std::string last_lines(const CommandEnd& end);

/// Text as the result of a job: itself when it is JSON of at most result_bytes_max, empty when it is blank, else its end as a
/// JSON string of that size.
std::string to_json_result(std::string_view text);

} // namespace turnwise::handlers
