// The workloads `crash-fill` and `crash-recover`: bench/run kills the node with -9 between the two.
#include <stdexcept>

#include "app/client/client.hpp"
#include "bench/measure.hpp"

namespace turnwise::bench {

namespace {

/// Claims one job as soon as there is a node that gives it, and says that it is done.
void do_first_job(client::Client& client, const Settings& settings, Checker& checker, Measurements& out) {
  client::ClaimRequest request;
  request.worker = "turnwise-bench-first";
  request.kinds = {"turnwise-bench"};
  request.max = 1;
  Place place;
  insist([&] {
    const auto claimed = client.claim(request);
    if (!claimed || claimed->grants.empty()) {
      return false;
    }
    out.add("first job started after", "s", seconds_since(settings.restarted_at));
    const auto& grant = claimed->grants.front();
    place = decode_place(grant.payload);
    checker.started(place, grant.attempt);
    request.results.push_back({grant.receipt, client::Answer::Outcome::complete, {}, {}, true, {}});
    return true;
  });
  insist([&] { return client.ready(); });
  out.add("all shards loaded after", "s", seconds_since(settings.restarted_at));
  checker.finished(place);
  request.kinds = {"turnwise-bench-none"};
  const auto settled = client.claim(request);
  if (!settled || settled->results.size() != 1 || !settled->results.front()) {
    throw std::runtime_error{"the first result was refused"};
  }
  checker.accepted(place);
}

} // namespace

void crash_fill(const Settings& settings, Measurements& out) {
  Bench bench{settings, settings.subjects};
  auto sources = halves(settings.jobs, settings.subjects);
  Step step{settings, out, "bulk submits"};
  bench.submit_in_bulk(sources);
  step.end(settings.jobs);
}

void crash_recover(const Settings& settings, Measurements& out) {
  if (settings.restarted_at == 0) {
    throw std::runtime_error{"crash-recover is a part of `bench/run crash`"};
  }
  const auto client = open_client(settings);
  Bench bench{settings, settings.subjects, Bench::Node::has_jobs};
  for (auto& source : halves(settings.jobs, settings.subjects)) {
    while (!source.empty()) {
      bench.checker.submitted(source.next()); // by crash-fill, before the crash
    }
  }
  do_first_job(*client, settings, bench.checker, out);
  Step step{settings, out, "drain after the crash"};
  bench.drain(settings.workers);
  step.end(settings.jobs);
  bench.judge(out);
}

} // namespace turnwise::bench
