// turnwise submit, job and subject.
#include <algorithm>
#include <iostream>
#include <optional>
#include <thread>

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include "app/api/time_text.hpp"
#include "app/cli/client_calls.hpp"
#include "app/cli/parse.hpp"
#include "app/client/url.hpp"
#include "app/json/writer.hpp"
#include "app/node/run.hpp"

namespace turnwise::cli {
namespace {

using boost::json::object;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds one_wait_max{30};
constexpr milliseconds asking_gap{100};

struct SubmitOptions {
  std::string subject, kind, payload, metadata, key;
  std::string delay, run_at, expires_at, timeout, lease, coalesce, on_failure;
  std::uint32_t max_attempts{};
  std::string wait;
};

void declare(CLI::App& app, SubmitOptions& options) {
  app.add_option("subject", options.subject, "What the job works on, like artifact:123")->required();
  app.add_option("kind", options.kind, "Which handler runs it, like build_coverage")->required();
  app.add_option("--payload", options.payload, "JSON for the handler; @FILE reads a file, - reads stdin");
  app.add_option("--metadata", options.metadata, "JSON object that goes with the job");
  app.add_option("--key", options.key, "Idempotency key: makes a repeated submit harmless");
  app.add_option("--delay", options.delay, "Not before this much time has passed, like 10s");
  app.add_option("--run-at", options.run_at, "Not before this moment, like 2031-05-04T10:30:00Z");
  app.add_option("--expires-at", options.expires_at, "Fails when it has not started by then");
  app.add_option("--timeout", options.timeout, "Longest run of one attempt");
  app.add_option("--lease", options.lease, "How long a worker may be silent");
  app.add_option("--max-attempts", options.max_attempts, "Attempts that may fail");
  app.add_option("--on-failure", options.on_failure, "When attempts run out: park, halt or discard");
  app.add_option("--coalesce", options.coalesce, "With a job of the kind that waits already: skip, once_more or replace");
  app.add_option("--wait", options.wait, "Wait this long for the job to end");
}

std::string body_of(const SubmitOptions& options) {
  json::Writer out;
  out.begin_object().member("subject", options.subject).member("kind", options.kind);
  const std::pair<std::string_view, const std::string&> texts[] = {
      {"delay", options.delay},          {"run_at", options.run_at}, {"expires_at", options.expires_at},
      {"timeout", options.timeout},      {"lease", options.lease},   {"coalesce", options.coalesce},
      {"on_failure", options.on_failure}};
  for (const auto& [name, value] : texts) {
    if (!value.empty()) {
      out.member(name, value);
    }
  }
  if (options.max_attempts > 0) {
    out.member("max_attempts", options.max_attempts);
  }
  if (!options.metadata.empty()) {
    out.key("metadata").raw(json_argument(options.metadata));
  }
  if (!options.payload.empty()) {
    out.key("payload").raw(json_argument(options.payload));
  }
  out.end_object();
  return std::move(out).take();
}

milliseconds wait_of(const std::string& text) {
  const auto wait = api::parse_duration(text);
  if (!wait) {
    throw CLI::ValidationError("--wait", fmt::format("must be {}", api::duration_form));
  }
  return *wait;
}

void print_job(const object& job) {
  print_members(job, {"id", "subject", "kind", "state", "because", "position", "sequence", "submitted_at", "run_at",
                      "expires_at", "retry_at", "finished_at", "failures", "failure", "metadata", "payload", "result"});
  const auto* attempts = job.if_contains("attempts");
  if (attempts == nullptr || !attempts->is_array() || attempts->get_array().empty()) {
    return;
  }
  std::vector<std::vector<std::string>> rows{{"ATTEMPT", "WORKER", "STARTED", "ENDED", "OUTCOME", "ERROR"}};
  for (const auto& attempt : attempts->get_array()) {
    const auto& members = attempt.get_object();
    rows.push_back({member(members, "attempt"), member(members, "worker"), member(members, "started_at"),
                    member(members, "ended_at"), member(members, "outcome"), member(members, "error")});
  }
  std::cout << '\n';
  print_table(rows);
}

int outcome_status(const object& job) {
  const auto state = member(job, "state");
  if (state == "succeeded") {
    return node::exit_done;
  }
  return state == "failed" || state == "cancelled" || state == "parked" ? exit_unsuccessful : exit_nothing;
}

/// Shows the job when it has come to an end or `wait` has passed. A node lets one request wait for half a minute, so it is
/// asked again and again.
int wait_for_job(const ClientOptions& options, const std::string& id, milliseconds wait) {
  const auto deadline = steady_clock::now() + wait;
  while (true) {
    const auto begin = steady_clock::now();
    const auto share = std::clamp(std::chrono::ceil<seconds>(deadline - begin), seconds{0}, one_wait_max);
    Call call{"GET", fmt::format("/v1/jobs/{}", client::percent_encode(id)), {}, {}, share};
    call.headers.push_back({"Prefer", fmt::format("wait={}", share.count())});
    const auto answer = ask(options, call);
    if (const auto* failed = std::get_if<int>(&answer)) {
      return *failed;
    }
    const auto& heard = std::get<Heard>(answer);
    const int status = outcome_status(heard.members());
    if (status != exit_nothing || steady_clock::now() >= deadline) {
      show(options, heard, print_job);
      return status;
    }
    if (steady_clock::now() < begin + share) { // a node that drains answers early: do not ask it in circles
      std::this_thread::sleep_for(asking_gap);
    }
  }
}

} // namespace

int submit(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  SubmitOptions job;
  declare(app, job);
  describe(app, "submit", "Submits a job. When it returns 0 the job is durable.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  const auto wait = job.wait.empty() ? std::nullopt : std::optional{wait_of(job.wait)}; // before anything is submitted
  Call call{"POST", "/v1/jobs", body_of(job)};
  if (!job.key.empty()) {
    call.headers.push_back({"Idempotency-Key", job.key});
  }
  std::string id;
  const int status = make_call(
      options, call,
      [](const object& answer) {
        print_members(answer, {"id", "state", "position", "sequence", "disposition"});
      },
      [&](const object& answer) {
        id = member(answer, "id");
        return int{node::exit_done};
      });
  return status == node::exit_done && wait ? wait_for_job(options, id, *wait) : status;
}

int job(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  std::string id;
  std::string wait;
  bool cancel = false;
  bool retry = false;
  app.add_option("id", id, "The job")->required();
  auto* cancel_flag = app.add_flag("--cancel", cancel, "Cancel it; a running one is asked to stop");
  app.add_flag("--retry", retry, "Try a parked, halted or backing-off job again now")->excludes(cancel_flag);
  app.add_option("--wait", wait, "Wait this long for the job to end");
  describe(app, "job", "Shows a job: its state, why it waits, its attempts and what came of them.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  const auto target = fmt::format("/v1/jobs/{}", client::percent_encode(id));
  if (cancel || retry) {
    return make_call(options, {"POST", target + (cancel ? "/cancel" : "/retry")}, [](const object& answer) {
      print_members(answer, {"id", "state", "cancel_requested"});
    });
  }
  return wait.empty() ? make_call(options, {"GET", target}, print_job) : wait_for_job(options, id, wait_of(wait));
}

namespace {

void print_subject(const object& subject) {
  print_members(subject, {"subject", "state", "queue_length", "outside_count"});
  if (const auto* turn = subject.if_contains("turn"); turn != nullptr && turn->is_object()) {
    const auto& members = turn->get_object();
    const bool held = members.contains("hold");
    const std::string who = held ? fmt::format("hold {} by {}", member(members, "hold"), member(members, "owner"))
                                 : fmt::format("job {} by {}, attempt {}", member(members, "job"), member(members, "worker"),
                                               member(members, "attempt"));
    std::cout << fmt::format("{:<16} {}, since {} (fencing token {}, lease until {})\n", "turn", who,
                             member(members, "started_at"), member(members, "fencing_token"),
                             member(members, "lease_expires_at"));
  }
  if (const auto* pause = subject.if_contains("pause"); pause != nullptr && pause->is_object()) {
    const auto& members = pause->get_object();
    std::cout << fmt::format("{:<16} by {} since {}: {}\n", "paused", member(members, "by"), member(members, "since"),
                             member(members, "why"));
  }
  const auto* jobs = subject.if_contains("jobs");
  if (jobs == nullptr || !jobs->is_array() || jobs->get_array().empty()) {
    return;
  }
  std::vector<std::vector<std::string>> rows{{"JOB", "KIND", "STATE", "ATTEMPT", "WHY"}};
  for (const auto& job : jobs->get_array()) {
    const auto& members = job.get_object();
    rows.push_back({member(members, "id"), member(members, "kind"), member(members, "state"), member(members, "attempt"),
                    member(members, "because")});
  }
  std::cout << '\n';
  print_table(rows);
}

} // namespace

int subject(const Arguments& arguments) {
  CLI::App app;
  ClientOptions options;
  std::string name;
  std::uint32_t jobs = 20;
  app.add_option("subject", name, "The subject, like artifact:123")->required();
  app.add_option("--jobs", jobs, "Jobs to show at most")->check(CLI::Range(0, 1'000))->capture_default_str();
  describe(app, "subject", "Shows a subject: who has the turn, which jobs there are in which order, and why each waits.");
  declare(app, options);
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  return make_call(options, {"GET", fmt::format("/v1/subjects/{}?jobs={}", client::percent_encode(name), jobs)}, print_subject);
}

} // namespace turnwise::cli
