#include "bench/load.hpp"

#include <stdexcept>

#include "app/client/wire.hpp"

namespace turnwise::bench {

using std::chrono::milliseconds;
namespace wire = client::wire;

namespace {

constexpr milliseconds claim_wait{10'000};
// The answer to finished work may be held back while the node looks for more. The end of a measurement must not wait for that.
constexpr milliseconds claim_wait_with_results{20};

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

} // namespace

void expect_success(const Reply& reply, const char* what) {
  if (reply.status >= 200 && reply.status <= 299) {
    return;
  }
  const auto error = wire::decode_problem(reply.status, reply.body);
  throw std::runtime_error{std::string{what} + ": the node answered " + std::to_string(reply.status) + ": " + error.detail};
}

JobSource JobSource::round_robin(std::uint64_t count, std::uint32_t first, std::uint32_t step, std::uint32_t end) {
  JobSource source;
  source.left_ = count;
  source.first_ = source.at_ = first;
  source.step_ = step;
  source.end_ = end;
  source.turns_.resize(end);
  return source;
}

JobSource JobSource::random(std::uint64_t count, std::uint32_t end, std::uint64_t seed) {
  JobSource source = round_robin(count, 0, 1, end);
  source.drawn_ = true;
  source.random_.seed(seed);
  return source;
}

Place JobSource::next() {
  --left_;
  auto subject = at_;
  if (drawn_) {
    subject = static_cast<std::uint32_t>(random_() % end_);
  } else if ((at_ += step_) >= end_) {
    at_ = first_;
  }
  return {subject, turns_[subject]++};
}

client::NewJob make_job(const Label& label, Place place) {
  client::NewJob job;
  job.subject = label.subject_prefix + std::to_string(place.subject);
  job.kind = label.kind;
  job.payload = encode_place(place);
  job.run_at = label.due;
  return job;
}

void Submitters::add(JobSource& source) {
  lines_.push_back(std::make_unique<Line>(Line{source, loop_.connect()}));
}

void Submitters::start() {
  for (auto& line : lines_) {
    send_next(*line);
  }
}

void Submitters::send_next(Line& line) {
  if (line.source.empty()) {
    return;
  }
  std::vector<client::NewJob> jobs;
  while (jobs.size() < batch_ && !line.source.empty()) {
    const auto place = line.source.next();
    checker_.submitted(place);
    jobs.push_back(make_job(label_, place));
  }
  ++busy_;
  const auto body = batch_ == 1 ? wire::encode(jobs.front()) : wire::encode_batch(jobs);
  line.channel->post(batch_ == 1 ? "/v1/jobs" : "/v1/jobs/batch", body,
                     [this, &line, count = jobs.size(), sent_at = Clock::now()](const Reply& reply) {
                       call_ms_.push_back(milliseconds_since(sent_at));
                       --busy_;
                       answered(reply, count);
                       send_next(line);
                     });
}

void Submitters::answered(const Reply& reply, std::size_t count) {
  expect_success(reply, "submit");
  if (batch_ == 1) {
    return;
  }
  const auto results = wire::decode_batch(reply.body, count);
  if (!results) {
    throw std::runtime_error{results.error().detail};
  }
  for (const auto& result : *results) {
    if (!result) {
      throw std::runtime_error{"submit: an item was refused: " + result.error().detail};
    }
  }
}

Workers::Workers(Loop& loop, const Label& label, Checker& checker, const WorkerSettings& settings, OnStart on_start)
    : loop_(loop), checker_(checker), work_(settings.work), on_start_(std::move(on_start)) {
  for (unsigned i = 0; i < settings.connections; ++i) {
    client::ClaimRequest request;
    request.worker = "turnwise-bench-" + std::to_string(i);
    request.kinds = {label.kind};
    request.max = settings.claim_max;
    lines_.push_back(std::make_unique<Line>(Line{loop.connect(), std::move(request), {}}));
  }
}

void Workers::start() {
  for (auto& line : lines_) {
    claim(*line);
  }
}

void Workers::claim(Line& line) {
  line.request.wait = line.request.results.empty() ? claim_wait : claim_wait_with_results;
  line.channel->post("/v1/claims", wire::encode(line.request), [this, &line, sent_at = Clock::now()](const Reply& reply) {
    answered(line, reply, sent_at);
    if (line.running.empty()) {
      return claim(line);
    }
    if (work_.count() > 0) {
      return loop_.at(Clock::now() + work_, [this, &line] { finish(line); });
    }
    loop_.next_turn([this, &line] { finish(line); });
  });
}

void Workers::answered(Line& line, const Reply& reply, Clock::time_point sent_at) {
  expect_success(reply, "claim");
  const auto claimed = wire::decode_claimed(reply.body, line.request, sent_at);
  if (!claimed) {
    throw std::runtime_error{claimed.error().detail};
  }
  if (claimed->refused) {
    throw std::runtime_error{"claim: " + claimed->refused->detail};
  }
  if (claimed->results.size() != line.running.size()) {
    throw std::runtime_error{"claim: not every result was answered"};
  }
  for (std::size_t i = 0; i < line.running.size(); ++i) {
    if (!claimed->results[i]) {
      throw std::runtime_error{"claim: a result was refused: " + claimed->results[i].error().detail};
    }
    checker_.accepted(line.running[i]);
  }
  line.request.results.clear();
  line.running.clear();
  for (const auto& grant : claimed->grants) {
    const auto place = decode_place(grant.payload);
    checker_.started(place, grant.attempt);
    if (on_start_) {
      on_start_(place);
    }
    line.running.push_back(place);
    line.request.results.push_back({grant.receipt, client::Answer::Outcome::complete, {}, {}, true, {}});
  }
}

void Workers::finish(Line& line) {
  for (const auto place : line.running) {
    checker_.finished(place);
  }
  claim(line);
}

} // namespace turnwise::bench
