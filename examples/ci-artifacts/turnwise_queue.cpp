#include <stdexcept>

#include <boost/json.hpp>

#include "app/client/retry.hpp"
#include "examples/ci-artifacts/handlers.hpp"
#include "examples/ci-artifacts/queue.hpp"

namespace turnwise::ci_artifacts {

namespace json = boost::json;
using client::Answer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

constexpr seconds patience{60};
constexpr std::size_t batch_max = 1'000;

client::Client open_client(const std::string& url) {
  auto client = client::Client::open(url);
  if (!client) {
    throw std::runtime_error{client.error().detail};
  }
  return std::move(client).value();
}

// On the node, subjects and kinds are those of this run: `artifact:17@4f2a09c1`. A node that has real work of the same names
// keeps it, and what an aborted run left behind is in nobody's way.
std::string mark(const std::string& name, const std::string& run) {
  return name + "@" + run;
}

std::string without_mark(const std::string& name) {
  return name.substr(0, name.rfind('@'));
}

client::NewJob make_job(const Task& task, const std::string& run, const std::string& key) {
  client::NewJob job;
  job.subject = mark(task.subject, run);
  job.kind = mark(task.kind, run);
  job.payload = json::serialize(json::object{{"argument", task.argument}});
  job.idempotency_key = key;
  job.options.max_attempts = attempts_max;
  job.options.backoff = model::Backoff{milliseconds{50}, 2.0, milliseconds{1'000}, model::Jitter::full};
  job.options.on_failure = model::OnFailure::discard;
  return job;
}

} // namespace

TurnwiseQueue::TurnwiseQueue(std::string url, std::string run, const World& world, unsigned workers, Observer observer)
    : url_(std::move(url)),
      run_(std::move(run)),
      world_(world),
      observer_(std::move(observer)),
      submitter_(open_client(url_)),
      begin_(steady_clock::now()) {
  for (unsigned i = 1; i <= workers; ++i) {
    workers_.emplace_back([this, i](const std::stop_token& stop) { work(stop, i); });
  }
}

TurnwiseQueue::~TurnwiseQueue() {
  for (auto& worker : workers_) {
    worker.request_stop(); // all of them, before any is waited for
  }
}

/// Counted before they are submitted: a worker may be done with one before the answer is here.
void TurnwiseQueue::expect(const std::string& key_prefix, std::size_t tasks) {
  const std::lock_guard lock{mutex_};
  if (expected_.insert(key_prefix).second) { // a repeated attempt leaves nothing new behind
    open_ += tasks;
  }
}

void TurnwiseQueue::submit(const std::vector<Task>& tasks) {
  submit_with(submitter_, tasks, "first-" + std::to_string(++submits_));
}

void TurnwiseQueue::submit_with(client::Client& client, const std::vector<Task>& tasks, const std::string& key_prefix) {
  expect(key_prefix, tasks.size());
  std::vector<client::NewJob> jobs;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    jobs.push_back(make_job(tasks[i], run_, run_ + ":" + key_prefix + ":" + std::to_string(i)));
  }
  for (std::size_t begin = 0; begin < jobs.size(); begin += batch_max) {
    const auto part = std::span{jobs}.subspan(begin, std::min(batch_max, jobs.size() - begin));
    const auto accepted = client::with_retry(steady_clock::now() + patience, [&]() -> model::Result<model::Done> {
      const auto answers = client.submit_batch(part);
      if (!answers) {
        return answers.error();
      }
      for (const auto& answer : *answers) {
        if (!answer) {
          return answer.error(); // all of them again: the keys make that harmless
        }
      }
      return model::Done{};
    });
    if (!accepted) {
      throw std::runtime_error{"submitting failed: " + accepted.error().detail};
    }
  }
}

Outcome TurnwiseQueue::wait() {
  std::unique_lock lock{mutex_};
  while (open_ > 0 && fault_.empty()) {
    const auto seen = events_;
    if (!changed_.wait_for(lock, patience, [&] { return events_ != seen || !fault_.empty(); })) {
      throw std::runtime_error{"nothing has happened for a minute, and " + std::to_string(open_) + " jobs are open"};
    }
  }
  if (!fault_.empty()) {
    throw std::runtime_error{fault_};
  }
  auto outcome = outcome_;
  outcome.seconds = std::chrono::duration<double>(steady_clock::now() - begin_).count();
  return outcome;
}

void TurnwiseQueue::report(const std::string& fault) {
  const std::lock_guard lock{mutex_};
  fault_ = fault;
  changed_.notify_all();
}

void TurnwiseQueue::work(const std::stop_token& stop, unsigned number) {
  try {
    auto client = open_client(url_);
    client::ClaimRequest request;
    request.worker = "ci-artifacts-" + std::to_string(number);
    for (const auto& kind : all_kinds()) {
      request.kinds.push_back(mark(kind, run_));
    }
    while (!stop.stop_requested()) {
      // With results to report, it does not wait long for the answer.
      request.wait = milliseconds{request.results.empty() ? 500 : 20};
      const auto claimed = client::with_retry(steady_clock::now() + patience, [&] { return client.claim(request); });
      if (!claimed) {
        throw std::runtime_error{"claiming failed: " + claimed.error().detail};
      }
      for (std::size_t i = 0; i < claimed->results.size(); ++i) {
        settle(claimed->results[i], request.results[i]);
      }
      request.results.clear();
      for (const auto& grant : claimed->grants) {
        request.results.push_back(run_one(client, grant));
      }
    }
  } catch (const std::exception& error) {
    report(error.what());
  }
}

Answer TurnwiseQueue::run_one(client::Client& client, const client::Grant& grant) {
  Answer answer{grant.receipt, Answer::Outcome::complete, {}, {}, true, {}};
  try {
    const auto payload = json::parse(grant.payload);
    const Task task{without_mark(grant.kind), without_mark(grant.subject), payload.at("argument").to_number<std::uint64_t>(),
                    grant.job};
    observer_.started(task);
    // Keys made of the job's own: if this attempt is repeated, what it leaves behind is not.
    handle(world_, task, [&](const std::vector<Task>& tasks) { submit_with(client, tasks, grant.job); });
    observer_.ended(task);
  } catch (const std::exception& error) {
    answer.outcome = Answer::Outcome::fail;
    answer.error = error.what();
  }
  return answer;
}

void TurnwiseQueue::settle(const model::Result<client::Settled>& settled, const Answer& answer) {
  const std::lock_guard lock{mutex_};
  ++events_;
  if (!settled) {
    changed_.notify_all(); // superseded: whoever has it now will say how it ends
    return;
  }
  if (answer.outcome == Answer::Outcome::fail) {
    ++outcome_.failures;
  }
  if (settled->state == "succeeded") {
    ++outcome_.done;
  }
  if (settled->state == "failed") {
    ++outcome_.given_up;
  }
  if (settled->state == "succeeded" || settled->state == "failed") {
    --open_;
  }
  changed_.notify_all();
}

} // namespace turnwise::ci_artifacts
