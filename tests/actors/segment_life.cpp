#include "tests/actors/segment_life.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "tests/support/history.hpp"

namespace turnwise::tests {
namespace {

using model::JobState;

constexpr std::chrono::hours long_time{1};

model::NewJob job_of_kind(const std::string& subject, const std::string& kind) {
  auto job = job_for(subject, "{\"of\":\"" + subject + "\"}");
  job.kind = kind;
  job.key = "key of " + subject;
  job.options.lease = long_time;
  return job;
}

model::Grant start(TestNode& node, const std::string& kind, std::optional<milliseconds> lease = {}) {
  auto grants = node.claim(kind, 1, 10s, lease);
  REQUIRE(grants.size() == 1);
  return grants.front();
}

std::string in_words(const model::SubjectView& view) {
  std::string words = fmt::format("queue {} outside {}", view.queue_length, view.outside_count);
  if (view.turn) {
    words += fmt::format(" turn of {} #{} attempt {} by {} since {} token {} stop {}", name(view.turn->type),
                         view.turn->entry.value(), view.turn->attempt.value(), view.turn->worker,
                         view.turn->started_at.time_since_epoch().count(), view.turn->fencing_token.value(),
                         view.turn->cancel_requested);
  }
  if (view.pause) {
    words += fmt::format(" paused by {} why {} since {}", view.pause->by, view.pause->why,
                         view.pause->since.time_since_epoch().count());
  }
  for (const auto& job : view.jobs) {
    words += fmt::format("\n    #{} {} {} attempt {} due {}", job.entry.value(), job.kind, name(job.state), job.attempt.value(),
                         job.due ? job.due->time_since_epoch().count() : 0);
  }
  return words;
}

} // namespace

void use_small_segments(actors::EngineConfig& config) {
  config.segment_rows_max = 40;
  config.idempotency_window = 0ms;
  config.journal_retention = std::chrono::seconds{0};
}

StandingEntries::StandingEntries(TestNode& node) {
  const auto park = [&](const std::string& subject, model::OnFailure on_failure) {
    auto job = job_of_kind(subject, "fragile");
    job.options.on_failure = on_failure;
    job.options.max_attempts = 1;
    const auto id = id_of(node.submit(job));
    node.fail(start(node, "fragile"));
    return id;
  };
  parked = park("stand:parked", model::OnFailure::park);
  park("stand:halted", model::OnFailure::halt);

  auto later = job_of_kind("stand:scheduled", "later");
  later.delay = long_time;
  node.submit(later);

  auto retrying = job_of_kind("stand:retrying", "retrying");
  retrying.options.backoff = model::Backoff{long_time, 1.0, long_time, model::Jitter::none};
  node.submit(retrying);
  node.fail(start(node, "retrying"));

  node.submit(job_of_kind("stand:running", "running"));
  running_ = start(node, "running");
  node.submit(job_of_kind("stand:running", "behind"));

  auto late = job_of_kind("stand:late", "late");
  late.options.lease = 50ms;
  late.options.backoff = model::Backoff{long_time, 1.0, long_time, model::Jitter::none};
  const auto late_id = id_of(node.submit(late));
  late_ = start(node, "late");
  node.wait_until([&] { return node.story(late_id).state == JobState::retrying; });

  auto replaced = job_of_kind("stand:replaced", "waiting");
  node.submit(replaced);
  replaced.key = "another key";
  replaced.payload = "{\"of\":\"the replacement\"}";
  replaced.coalesce = model::Coalesce::replace;
  node.submit(replaced);

  auto answers = std::make_shared<Answers>(2);
  node->hold({.subject = "stand:held", .owner = "somebody", .ttl = long_time, .on_busy = {}, .wait = 0ms, .deferred = {}},
             {answers, 0});
  node->pause("stand:paused", "an operator", "to look at it", {answers, 1});
  hold_ = get<model::HoldGrant>(answers->wait().front());
  node.submit(job_of_kind("stand:paused", "paused"));
}

std::string StandingEntries::in_words(TestNode& node) {
  std::string words;
  for (const char* subject : {"stand:parked", "stand:halted", "stand:scheduled", "stand:retrying", "stand:running",
                              "stand:late", "stand:replaced", "stand:held", "stand:paused"}) {
    words += fmt::format("{}: {}\n", subject, tests::in_words(node.subject(subject)));
  }
  return words;
}

std::string StandingEntries::use(TestNode& node) const {
  std::string faults;
  const auto check = [&faults](bool holds, const char* what) { faults += holds ? "" : std::string{what} + "; "; };
  const auto is_success = [](const model::Response& response) {
    const auto* outcome = std::get_if<model::Outcome>(&response);
    return outcome != nullptr && outcome->state == JobState::succeeded;
  };
  check(is_success(node.complete(running_)), "the running job was not completed");
  check(is_success(node.complete(late_)), "the late worker was not heard");
  auto answers = std::make_shared<Answers>(3);
  node->renew_hold({{hold_.shard, hold_.entry}, hold_.fencing_token}, {}, {answers, 0});
  node->retry(parked, {answers, 1});
  node->resume("stand:paused", "an operator", {answers, 2});
  const auto told = answers->wait();
  check(std::holds_alternative<model::Extended>(told[0]), "the hold was not renewed");
  check(std::holds_alternative<model::Changed>(told[1]), "the parked job was not retried");
  for (const auto& [kind, payload] :
       {std::pair{"fragile", "{\"of\":\"stand:parked\"}"}, std::pair{"waiting", "{\"of\":\"the replacement\"}"},
        std::pair{"behind", "{\"of\":\"stand:running\"}"}, std::pair{"paused", "{\"of\":\"stand:paused\"}"}}) {
    const auto grants = node.claim(kind);
    check(grants.size() == 1 && grants.front().payload == payload, kind);
  }
  const auto story = node.story(parked);
  check(story.job.key == "key of stand:parked" && story.attempt == model::Attempt{2}, "the parked job has another story");
  return faults;
}

void pass_jobs(TestNode& node, std::size_t count, std::size_t subjects) {
  constexpr std::size_t batch_max = 500;
  for (std::size_t done = 0; done < count;) {
    const std::size_t batch = std::min(batch_max, count - done);
    std::vector<model::NewJob> jobs;
    for (std::size_t i = 0; i < batch; ++i) {
      // Not those of a process that was killed: what ran there keeps its subject until its lease is over.
      jobs.push_back(job_for(fmt::format("pass:{}-{}", getpid(), i % subjects)));
      jobs.back().kind = "passing";
    }
    node.submit_all(std::move(jobs));
    for (std::size_t left = batch; left > 0;) {
      const auto grants = node.claim("passing", static_cast<std::uint32_t>(left));
      auto answers = std::make_shared<Answers>(grants.size());
      std::vector<actors::Answer> completed(grants.size());
      for (std::size_t i = 0; i < grants.size(); ++i) {
        completed[i].receipt = {grants[i].shard, {grants[i].entry, grants[i].attempt, grants[i].nonce}};
        completed[i].verb = actors::Answer::Verb::complete;
      }
      node->answer(std::move(completed), answers);
      answers->wait();
      left -= grants.size();
    }
    done += batch;
  }
}

bool is_carried_alone(storage::Store& store, model::JobId job) {
  const auto history = history_of(*store.open_reader(), job.shard, job.entry);
  REQUIRE(history.ok());
  return !history->empty() && std::holds_alternative<model::Carried>(history->front().record.body);
}

} // namespace turnwise::tests
