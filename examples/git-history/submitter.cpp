#include "examples/git-history/submitter.hpp"

#include <stdexcept>
#include <utility>

#include "app/client/retry.hpp"
#include "examples/git-history/digest.hpp"
#include "examples/git-history/git.hpp"
#include "examples/git-history/worker.hpp"

namespace turnwise::git_history {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {
constexpr milliseconds ask_interval{200};
constexpr std::size_t batch_bytes_max = 8U << 20U; // half of what the node allows
} // namespace

client::NewJob Submitter::job_of(const Change& change) const {
  client::NewJob job;
  job.subject = subject_of(change.path);
  job.kind = job_kind;
  job.payload = encode_payload(change, settings_.run);
  job.idempotency_key = settings_.run + ":" + change.commit + ":" + std::to_string(change.number);
  // An attempt whose worker was killed counts as failed. Kills must not be able to use up the attempts of a job.
  job.options.max_attempts = 1'000;
  job.options.backoff = model::Backoff{milliseconds{50}, 2.0, milliseconds{500}, model::Jitter::full};
  job.options.on_failure = model::OnFailure::discard;
  job.options.lease = settings_.lease;
  return job;
}

void Submitter::check_stop() const {
  if (progress_.stop) {
    throw std::runtime_error{"stopped"};
  }
}

void Submitter::flush() {
  if (batch_.empty()) {
    return;
  }
  const auto submitted =
      client::with_retry(Clock::now() + settings_.patience, [&]() -> model::Result<std::vector<std::string>> {
        check_stop();
        auto answers = client_.submit_batch(batch_);
        if (!answers) {
          return answers.error();
        }
        std::vector<std::string> ids;
        for (const auto& answer : *answers) {
          if (!answer) {
            return answer.error(); // all of it again: the keys make what was accepted come back as it is
          }
          ids.push_back(answer->id);
        }
        return ids;
      });
  if (!submitted) {
    throw std::runtime_error{"submitting failed: " + submitted.error().detail};
  }
  for (std::size_t i = 0; i < batch_paths_.size(); ++i) {
    last_jobs_[batch_paths_[i]] = submitted.value()[i];
  }
  progress_.submitted += batch_.size();
  progress_.paths = last_jobs_.size();
  batch_.clear();
  batch_paths_.clear();
  batch_bytes_ = 0;
}

bool Submitter::take(Change&& change) {
  if (settings_.limit != 0 && taken_ >= settings_.limit && change.commit != reached_commit_) {
    return false;
  }
  ++taken_;
  reached_commit_ = change.commit;
  last_changes_[change.path] = change.number;
  batch_.push_back(job_of(change));
  batch_paths_.push_back(std::move(change.path));
  batch_bytes_ += batch_.back().payload.size() + 512;
  if (batch_.size() >= settings_.batch || batch_bytes_ >= batch_bytes_max) {
    flush();
  }
  return true;
}

void Submitter::submit_history() {
  bool complete = true;
  read_history(settings_.repository, settings_.commit, [&](Change&& change) {
    check_stop();
    return complete = take(std::move(change));
  });
  flush();
  if (complete) {
    reached_commit_ = settings_.commit; // commits at the end may change nothing
  }
  progress_.all_submitted = true;
}

/// Whether the node says that no job of anybody is open. Asked twice, some time apart: a node that was restarted between being
/// ready and being asked would know of nothing yet.
bool Submitter::nothing_open() {
  const auto now = Clock::now();
  if (now - asked_at_ < ask_interval) {
    return false;
  }
  asked_at_ = now;
  const bool ready = client_.ready();
  const auto stats = client_.stats();
  const bool nothing = ready && stats && stats->jobs_open == 0;
  return std::exchange(nothing_open_before_, nothing) && nothing;
}

void Submitter::wait_for(const std::string& path, const std::string& id) {
  auto last_answer = Clock::now();
  for (;;) {
    check_stop();
    const auto job = client::with_retry(last_answer + settings_.patience, [&] {
      check_stop();
      return client_.wait_for_job(id, seconds{1});
    });
    if (!job) {
      throw std::runtime_error{"asking for job " + id + " failed: " + job.error().detail};
    }
    last_answer = Clock::now();
    if (!job->final()) {
      continue;
    }
    if (job->state != "succeeded") {
      failures_.push_back(quoted_path(path) + ": its last job " + job->state + (job->error.empty() ? "" : ": " + job->error));
    }
    return;
  }
}

void Submitter::wait_for_all() {
  for (const auto& [path, id] : last_jobs_) {
    if (nothing_open()) {
      break; // so there is no need to ask for each of them
    }
    wait_for(path, id);
    ++progress_.paths_done;
  }
  progress_.paths_done = last_jobs_.size();
}

} // namespace turnwise::git_history
