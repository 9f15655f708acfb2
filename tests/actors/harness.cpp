#include "tests/actors/harness.hpp"

#include <thread>

namespace turnwise::tests {
namespace {

struct IsolatedOwnership : storage::Ownership {
  IsolatedOwnership(std::unique_ptr<storage::Ownership> to, IsolatedStore& of) : inner(std::move(to)), store(of) {}
  model::Result<storage::ServerFacts> server() override { return inner->server(); }
  model::Result<storage::ClusterMeta> meta() override { return inner->meta(); }
  model::Result<std::size_t> join(const storage::NodeInfo& n, milliseconds ttl) override { return inner->join(n, ttl); }
  model::Result<storage::Beat> beat(model::Incarnation n, milliseconds ttl) override {
    store.is_frozen.wait(true);
    if (store.is_cut) {
      return model::Error{model::Errc::unavailable, "cut", ""};
    }
    return inner->beat(n, ttl);
  }
  model::Result<std::vector<storage::Peer>> peers(model::Incarnation n) override { return inner->peers(n); }
  model::Result<bool> declare_dead(model::Incarnation n) override { return inner->declare_dead(n); }
  model::Result<std::vector<storage::ShardRow>> shards() override { return inner->shards(); }
  model::Result<std::vector<storage::Holding>> acquire(model::Incarnation n, std::span<const storage::Holding> s) override {
    return inner->acquire(n, s);
  }
  model::Result<model::Done> release(model::Incarnation n, std::span<const storage::Holding> h) override {
    return inner->release(n, h);
  }
  model::Result<model::Done> leave(model::Incarnation n) override { return inner->leave(n); }
  model::Result<storage::Segments> extend_journal(const storage::SegmentEnd& end) override {
    return inner->extend_journal(end);
  }
  model::Result<std::vector<storage::Laggard>> laggards(model::Incarnation n, std::uint64_t s) override {
    return inner->laggards(n, s);
  }
  model::Result<model::Done> advance_replay(model::Incarnation n, std::span<const storage::Holding> h,
                                            std::uint64_t s) override {
    return inner->advance_replay(n, h, s);
  }
  model::Result<std::size_t> drop_segments(const storage::Retention& r) override { return inner->drop_segments(r); }
  model::Result<std::optional<storage::Kinds>> kinds_since(std::uint64_t r) override { return inner->kinds_since(r); }
  model::Result<model::Kind> change_kind(const model::KindChange& c) override {
    if (store.is_cut) {
      return model::Error{model::Errc::unavailable, "cut", ""};
    }
    return inner->change_kind(c);
  }
  model::Result<std::optional<storage::TokensRead>> tokens(std::uint64_t known) override { return inner->tokens(known); }
  std::unique_ptr<storage::Ownership> inner;
  IsolatedStore& store;
};

} // namespace

std::unique_ptr<storage::Ownership> IsolatedStore::open_ownership() {
  return std::make_unique<IsolatedOwnership>(SharedStore::open_ownership(), *this);
}

TestNode::TestNode(std::shared_ptr<storage::Store> store, const std::function<void(actors::EngineConfig&)>& adjust) {
  actors::EngineConfig config;
  config.beat = 20ms;
  config.node_ttl = 500ms;
  config.lease_min = 50ms;
  config.drain_max = 2s;
  if (adjust) {
    adjust(config);
  }
  auto started = actors::Engine::start(config, std::make_unique<SharedStore>(std::move(store)), [](const std::string&) {});
  if (!started.ok()) {
    FAIL(started.error().detail);
  }
  engine_ = std::move(*started);
  wait_until_ready();
}

std::vector<model::Response> TestNode::submit_all(std::vector<model::NewJob> jobs) {
  auto answers = std::make_shared<Answers>(jobs.size());
  engine_->submit(std::move(jobs), answers);
  return answers->wait();
}

std::vector<model::Grant> TestNode::claim(const std::string& kind, std::uint32_t max, milliseconds wait,
                                          std::optional<milliseconds> lease) {
  auto claimed = std::make_shared<Claimed>();
  engine_->claim({"worker-1", {kind}, max, lease, wait}, claimed);
  return claimed->wait();
}

model::Response TestNode::answer(const model::Grant& grant, actors::Answer::Verb verb, std::string text) {
  auto answers = std::make_shared<Answers>(1);
  actors::Answer answer;
  answer.receipt = {grant.shard, {grant.entry, grant.attempt, grant.nonce}};
  answer.verb = verb;
  answer.text = std::move(text);
  engine_->answer({answer}, answers);
  return answers->wait().front();
}

model::JobStory TestNode::story(model::JobId job) {
  auto answers = std::make_shared<Answers>(1);
  engine_->describe_job(job, {answers, 0});
  return *get<std::shared_ptr<const model::JobStory>>(answers->wait().front());
}

model::SubjectView TestNode::subject(const std::string& subject) {
  auto answers = std::make_shared<Answers>(1);
  engine_->describe_subject(subject, 100, {answers, 0});
  return get<model::SubjectView>(answers->wait().front());
}

void TestNode::wait_until_ready() {
  wait_until([this] { return engine_->ready(); });
}

void TestNode::wait_until(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::yield();
  }
}

model::NewJob job_for(std::string subject, std::string payload) {
  model::NewJob job;
  job.subject = std::move(subject);
  job.kind = "work";
  job.payload = std::move(payload);
  return job;
}

} // namespace turnwise::tests
