// Folding an entry's rows into its story.
#include "model/job_story.hpp"

#include <algorithm>
#include <utility>

#include "model/limits.hpp"

namespace turnwise::model {

void StoryBuilder::add(Sequence sequence, const Record& record) {
  const WallTime at = record.at;
  if (const auto* submitted = std::get_if<Submitted>(&record.body); submitted != nullptr && !opened_) {
    opened_ = true;
    story_.job = *submitted;
    story_.submitted_at = at;
    story_.state = submitted->run_at ? JobState::scheduled : JobState::waiting;
  }
  if (const auto* carried = std::get_if<Carried>(&record.body)) {
    if (!opened_ && carried->type == CarriedType::job) {
      begin_with(*carried); // what was before is in segments that are gone
    }
    return; // else it says what is known
  }
  if (!opened_ || is_final(story_.state)) {
    return;
  }
  if (const auto state = state_after(record.body)) {
    story_.state = *state;
    story_.retry_at.reset(); // only a record that leads to `retrying` sets it
  }
  std::visit(Overloaded{
                 [&](const Started& body) { tell(body, sequence, at); },
                 [&](const Succeeded& body) {
                   end_attempt(body.attempt, at, "succeeded", {});
                   story_.result = body.result;
                 },
                 [&](const AttemptFailed& body) { tell(body, at); },
                 [&](const Released& body) {
                   end_attempt(body.attempt, at, "released", {});
                   story_.retry_at = body.retry_at;
                 },
                 [&](const CancelRequested&) { story_.cancel_requested = true; },
                 [&](const Retried&) { story_.failures = 0; },
                 [&](const Replaced& body) {
                   story_.job.fingerprint = body.fingerprint;
                   story_.job.options = body.options;
                   story_.job.expires_at = body.expires_at;
                   story_.job.metadata = body.metadata;
                   story_.job.payload = body.payload;
                   story_.job.traceparent = body.traceparent;
                 },
                 [](const auto&) {}, // of a job: its state says it all
                 [&](const WaitExpired&) { story_.failure = "The job was still waiting when its expires_at came."; },
             },
             record.body);
  if (is_final(story_.state)) {
    story_.finished_at = at;
  }
}

/// Attempts that ended before are counted, not listed: nothing but their number is known.
void StoryBuilder::begin_with(const Carried& body) {
  opened_ = true;
  story_.job = body.job;
  story_.submitted_at = body.since;
  story_.state = body.state;
  story_.retry_at = body.state == JobState::retrying ? body.due : std::nullopt;
  story_.attempt = body.attempt;
  story_.failures = body.failures;
  if (!body.turn) {
    return;
  }
  latest_nonce_ = body.turn->nonce;
  latest_claimant_ = body.turn->claimant;
  story_.cancel_requested = body.turn->cancel_requested;
  if (body.turn->open) {
    story_.attempts.push_back({.attempt = body.attempt,
                               .worker = body.turn->worker,
                               .fencing_token = body.turn->token,
                               .started_at = body.turn->started_at,
                               .ended_at = std::nullopt,
                               .outcome = "running",
                               .error = {}});
  }
}

void StoryBuilder::tell(const Started& body, Sequence sequence, WallTime at) {
  story_.attempt = body.attempt;
  latest_nonce_ = body.nonce;
  latest_claimant_ = body.claimant;
  auto& attempts = story_.attempts;
  if (attempts.size() == attempts_shown_max) {
    attempts.erase(attempts.begin());
  }
  attempts.push_back({
      .attempt = body.attempt,
      .worker = body.worker,
      .fencing_token = FencingToken{sequence.value()},
      .started_at = at,
      .ended_at = std::nullopt,
      .outcome = "running",
      .error = {},
  });
}

void StoryBuilder::tell(const AttemptFailed& body, WallTime at) {
  end_attempt(body.attempt, at, name(body.cause), body.error);
  ++story_.failures;
  story_.retry_at = body.retry_at;
  if (body.next == JobState::failed) {
    story_.failure = body.error;
  }
}

/// A late success overwrites the `expired` or `timed-out` of its attempt: that is the outcome that stands.
void StoryBuilder::end_attempt(Attempt attempt, WallTime at, std::string_view outcome, std::string error) {
  const auto of_attempt = [attempt](const AttemptStory& story) { return story.attempt == attempt; };
  const auto place = std::find_if(story_.attempts.rbegin(), story_.attempts.rend(), of_attempt);
  if (place == story_.attempts.rend()) {
    return;
  }
  place->ended_at = at;
  place->outcome = outcome;
  place->error = std::move(error);
}

std::optional<JobStory> StoryBuilder::finish() && {
  return opened_ ? std::optional{std::move(story_)} : std::nullopt;
}

Response StoryBuilder::judge(const Claim& claim) const {
  if (!opened_) {
    return Error{Errc::not_found, "There is no such job.", {}};
  }
  if (story_.attempt.value() == 0 || claim.attempt != story_.attempt || claim.nonce != latest_nonce_) {
    return Error{Errc::stale_fence, "This receipt is not the one of the job's latest attempt; drop the work it stood for.", {}};
  }
  if (!may_answer(latest_claimant_, claim.claimant)) {
    return claimed_by_another();
  }
  return Outcome{story_.state, story_.retry_at};
}

} // namespace turnwise::model
