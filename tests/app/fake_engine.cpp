#include "fake_engine.hpp"

namespace turnwise::test {

using model::Accepted;
using model::EntryNumber;
using model::ShardId;

namespace {
constexpr std::chrono::seconds patience{10};
} // namespace

void FakeEngine::submit(std::vector<model::NewJob> jobs, std::shared_ptr<model::Recipient> recipient) {
  for (std::uint32_t i = 0; i < jobs.size(); ++i) {
    std::optional<model::Response> response;
    {
      const std::lock_guard lock(mutex_);
      response = Accepted{ShardId{3}, EntryNumber{next_entry_++}, model::JobState::waiting, model::Disposition::accepted, i};
      submitted_.push_back(jobs[i]);
    }
    if (on_submit) {
      response = on_submit(jobs[i]);
    }
    if (response) {
      recipient->deliver(i, *response);
    }
  }
}

void FakeEngine::answer(std::vector<Answer> answers, std::shared_ptr<model::Recipient> recipient) {
  for (std::uint32_t i = 0; i < answers.size(); ++i) {
    std::optional<model::Response> response = model::Outcome{model::JobState::succeeded, std::nullopt};
    if (answers[i].verb == Answer::Verb::heartbeat) {
      response = model::Extended{milliseconds{30'000}, false};
    }
    if (on_answer) {
      response = on_answer(answers[i]);
    }
    if (response) {
      recipient->deliver(i, *response);
    }
    const std::lock_guard lock(mutex_);
    answered_.push_back(answers[i]);
    changed_.notify_all();
  }
}

void FakeEngine::claim(ClaimRequest request, std::shared_ptr<ClaimRecipient> recipient) {
  remember(request.claimant);
  if (on_claim) {
    recipient->refused(on_claim(request));
    return;
  }
  std::vector<model::Grant> grants;
  {
    const std::lock_guard lock(mutex_);
    while (!offers_.empty() && grants.size() < request.max) {
      grants.push_back(std::move(offers_.front()));
      offers_.pop_front();
    }
    if (grants.empty() && request.wait > milliseconds{0}) {
      waiting_.push_back({std::move(request), std::move(recipient)});
      changed_.notify_all();
      return;
    }
  }
  recipient->claimed(std::move(grants), milliseconds{5});
}

void FakeEngine::change(model::JobId job, Ticket ticket) {
  if (on_job) {
    ticket.to->deliver(ticket.item, on_job(job).value());
  } else {
    ticket.to->deliver(ticket.item, model::Changed{model::JobState::cancelled, false});
  }
}

void FakeEngine::describe_job(model::JobId job, Ticket ticket) {
  model::Response response = model::Error{model::Errc::not_found, "there is no such job", ""};
  if (on_job) {
    response = on_job(job).value();
  }
  ticket.to->deliver(ticket.item, response);
}

void FakeEngine::await_job(model::JobId job, milliseconds wait, Ticket ticket) {
  {
    const std::lock_guard lock(mutex_);
    awaited_ = wait;
  }
  describe_job(job, std::move(ticket));
}

void FakeEngine::describe_subject(std::string subject, std::size_t, Ticket ticket) {
  ticket.to->deliver(ticket.item, on_subject(subject));
}

void FakeEngine::offer(model::Grant grant) {
  const std::lock_guard lock(mutex_);
  offers_.push_back(std::move(grant));
}

FakeEngine::Waiting FakeEngine::take_waiting() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, patience, [&] { return !waiting_.empty(); })) {
    return {};
  }
  Waiting waiting = std::move(waiting_.front());
  waiting_.pop_front();
  return waiting;
}

std::vector<model::NewJob> FakeEngine::submitted() const {
  const std::lock_guard lock(mutex_);
  return submitted_;
}

std::vector<Answer> FakeEngine::answered() const {
  const std::lock_guard lock(mutex_);
  return answered_;
}

bool FakeEngine::await_answers(std::size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return answered_.size() >= count; });
}

std::optional<std::string> FakeEngine::claimant() const {
  const std::lock_guard lock(mutex_);
  return claimant_;
}

milliseconds FakeEngine::awaited() const {
  const std::lock_guard lock(mutex_);
  return awaited_;
}

model::Grant grant_of(std::uint64_t entry, std::string payload) {
  model::Grant grant;
  grant.shard = ShardId{3};
  grant.entry = EntryNumber{entry};
  grant.attempt = model::Attempt{1};
  grant.nonce.bits[0] = 9;
  grant.fencing_token = model::FencingToken{9'007'199'254'740'993};
  grant.lease = milliseconds{30'000};
  grant.deadline = model::BootClock::now() + grant.lease;
  grant.subject = "artifact:1";
  grant.kind = "build_coverage";
  grant.payload = std::move(payload);
  return grant;
}

} // namespace turnwise::test
