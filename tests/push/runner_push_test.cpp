// Pushed kinds in the hands of a runner: what each answer becomes for the engine, and how leases and ends are kept.
#include <map>
#include <semaphore>

#include "app/handlers/runner.hpp"
#include "tests/handlers/fake_engine.hpp"
#include "tests/push/post_office.hpp"

using namespace turnwise;
using namespace turnwise::handlers;
using namespace std::chrono_literals;
using handlers::testing::error;
using handlers::testing::FakeEngine;
using handlers::testing::grant;
using handlers::testing::Verb;
using model::Errc;
using push::testing::answer;
using push::testing::Exchange;
using push::testing::patience;
using push::testing::Receiver;

namespace {

/// A node that pushes the kind "notify" to a receiver, and an engine in the hands of the test.
struct Scene {
  explicit Scene(Receiver::Script script, milliseconds timeout = patience, std::uint32_t concurrency = 1)
      : receiver(std::move(script)) {
    begin(timeout, concurrency);
  }
  explicit Scene(std::string always) : receiver(std::move(always)) { begin(patience, 1); }
  ~Scene() { runner.reset(); }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  void begin(milliseconds timeout, std::uint32_t concurrency) {
    RunnerConfig config;
    config.node_name = "n1";
    config.retry_wait_min = milliseconds{10};
    config.retry_wait_max = milliseconds{300};
    Pushing pushing{office.courier.get(), [this](const std::string& kind, const std::string& why) {
                      gone_kind = kind;
                      gone_why = why;
                      gone.release();
                    }};
    auto started = Runner::start(engine, nullptr, std::move(config), {{}, {}, std::move(pushing)});
    REQUIRE(started.ok());
    runner = std::move(started).value();
    push_to(receiver.url(), timeout, concurrency);
  }
  void push_to(const std::string& url, milliseconds timeout = patience, std::uint32_t concurrency = 1) {
    runner->set_push_kinds({{"notify", push::testing::target(url, timeout), concurrency}});
  }

  FakeEngine engine;
  Receiver receiver;
  push::testing::PostOffice office;
  std::binary_semaphore gone{0};
  std::string gone_kind;
  std::string gone_why;
  std::unique_ptr<Runner> runner;
};

void wait_for_end(Exchange& exchange) {
  exchange.ends_within(patience);
}

} // namespace

TEST_CASE("a kind is claimed for pushes with the lease that its jobs have, and the answer is the result") {
  Scene scene(answer(200, R"({"sent":1})"));
  const auto claim = scene.engine.claim_waits("notify", 1);
  CHECK(claim.worker == "push@n1");
  CHECK_FALSE(claim.lease);
  scene.engine.offer(grant("notify"));
  const auto done = scene.engine.heard(Verb::complete);
  CHECK(done.text == R"({"sent":1})");
  const auto heard = scene.receiver.next();
  CHECK(heard.body == R"({"size":1})");
  CHECK(heard.field("Job-Kind") == "notify");
  CHECK(heard.field("Job-Attempt") == "2");
  CHECK(heard.field("Job-Fence") == "9007199254740993");
  CHECK(model::parse_receipt(heard.field("Job-Receipt"))->claim.entry == done.receipt.claim.entry);
}

TEST_CASE("what is no JSON becomes a JSON string, and nothing stays nothing") {
  {
    Scene scene(answer(200, "thank you"));
    scene.engine.offer(grant("notify"));
    CHECK(scene.engine.heard(Verb::complete).text == R"("thank you")");
  }
  Scene scene(answer(204));
  scene.engine.offer(grant("notify"));
  CHECK(scene.engine.heard(Verb::complete).text.empty());
}

TEST_CASE("202 leaves the attempt to the receiver, with a whole lease from then on, and makes room for the next") {
  Scene scene(answer(202));
  scene.engine.offer(grant("notify", 7));
  const auto last = scene.engine.heard(Verb::heartbeat);
  CHECK(last.receipt.claim.entry.value() == 7);
  scene.receiver.next();
  scene.engine.offer(grant("notify", 8));
  scene.engine.heard(Verb::heartbeat);
  CHECK(scene.runner->stop(milliseconds{0}) == 0);
  CHECK(scene.engine.unheard() == 0); // neither completed, nor failed, nor given back
}

TEST_CASE("429 with Retry-After gives the attempt back unused, for that long") {
  Scene scene(answer(429, "", "Retry-After: 90\r\n"));
  scene.engine.offer(grant("notify"));
  const auto back = scene.engine.heard(Verb::release);
  CHECK(back.retry_after == 90s);
  CHECK(scene.gone_kind.empty());
}

TEST_CASE("410 gives the attempt back, has the kind stopped, and lets it alone meanwhile") {
  Scene scene(answer(410, "moved away"));
  scene.engine.offer(grant("notify", 7));
  scene.engine.offer(grant("notify", 8));
  REQUIRE(scene.gone.try_acquire_for(patience));
  CHECK(scene.gone_kind == "notify");
  CHECK(scene.gone_why == "answered 410: moved away");
  CHECK_FALSE(scene.engine.heard(Verb::release).retry_after);
  const auto rested = std::chrono::steady_clock::now();
  scene.engine.heard(Verb::release); // of the other job: whoever could not stop the kind is asked again
  CHECK(std::chrono::steady_clock::now() - rested > 150ms);
}

TEST_CASE("400 fails for good, 500 as the job's policy says") {
  {
    Scene scene(answer(400, "no such artifact"));
    scene.engine.offer(grant("notify"));
    const auto failed = scene.engine.heard(Verb::fail);
    CHECK(failed.retry == model::Retry::never);
    CHECK(failed.text == "answered 400: no such artifact");
  }
  Scene scene(answer(500));
  scene.engine.offer(grant("notify"));
  const auto failed = scene.engine.heard(Verb::fail);
  CHECK(failed.retry == model::Retry::by_policy);
  CHECK_FALSE(failed.retry_after);
}

TEST_CASE("row 46: a blocked destination fails the job for good, and says so") {
  Scene scene(answer(200));
  scene.push_to("http://127.0.0.2:" + std::to_string(scene.receiver.port()) + "/");
  scene.engine.offer(grant("notify"));
  const auto failed = scene.engine.heard(Verb::fail);
  CHECK(failed.retry == model::Retry::never);
  CHECK(failed.text == "blocked_destination: 127.0.0.2: 127.0.0.2 is a loopback address");
  CHECK(scene.receiver.connections() == 0);
}

TEST_CASE("row 48: a receiver that answers after its time gets the same job again, with a higher fence") {
  std::atomic<int> requests{0};
  std::binary_semaphore late{0};
  Scene scene(
      [&](Exchange& exchange) {
        if (++requests == 1) {
          exchange.ends_within(patience); // the courier has given up
          exchange.send(answer(200));
          late.release();
        } else {
          exchange.send(answer(200));
        }
      },
      300ms);
  scene.engine.offer(grant("notify"));
  const auto first = scene.receiver.next();
  const auto failed = scene.engine.heard(Verb::fail);
  CHECK(failed.text.starts_with("no whole answer within "));
  REQUIRE(late.try_acquire_for(patience));
  auto again = grant("notify");
  again.attempt = model::Attempt{3};
  again.fencing_token = model::FencingToken{9'007'199'254'740'999};
  scene.engine.offer(again);
  CHECK(scene.engine.heard(Verb::complete).receipt.claim.attempt == model::Attempt{3});
  const auto second = scene.receiver.next();
  CHECK(second.field("webhook-id") == first.field("webhook-id"));
  CHECK(std::stoull(second.field("Job-Fence")) > std::stoull(first.field("Job-Fence")));
  CHECK(scene.engine.unheard() == 0); // the late answer counts for nothing
}

TEST_CASE("a lease is extended while the receiver takes its time") {
  std::binary_semaphore go{0};
  Scene scene([&](Exchange& exchange) {
    REQUIRE(go.try_acquire_for(patience));
    exchange.send(answer(200));
  });
  scene.engine.respond(Verb::heartbeat, model::Extended{300ms, false});
  auto short_lease = grant("notify");
  short_lease.lease = 300ms;
  scene.engine.offer(short_lease);
  for (int i = 0; i < 4; ++i) {
    scene.engine.heard(Verb::heartbeat);
  }
  go.release();
  scene.engine.heard(Verb::complete);
}

TEST_CASE("a push whose attempt is superseded is broken off, and nothing is said of it") {
  std::binary_semaphore closed{0};
  Scene scene([&](Exchange& exchange) {
    wait_for_end(exchange);
    closed.release();
  });
  scene.engine.respond(Verb::heartbeat, error(Errc::stale_fence));
  auto short_lease = grant("notify");
  short_lease.lease = 300ms;
  scene.engine.offer(short_lease);
  CHECK(closed.try_acquire_for(patience));
  scene.engine.claim_waits("notify", 1); // the slot is free again
  CHECK(scene.engine.unheard() == 0);
}

TEST_CASE("no push goes on past the end of its lease") {
  std::binary_semaphore closed{0};
  Scene scene([&](Exchange& exchange) {
    wait_for_end(exchange);
    closed.release();
  });
  scene.engine.respond(Verb::heartbeat, error(Errc::unavailable));
  auto short_lease = grant("notify");
  short_lease.lease = 300ms;
  scene.engine.offer(short_lease);
  CHECK(closed.try_acquire_for(patience));
  scene.engine.claim_waits("notify", 1);
  CHECK(scene.engine.unheard() == 0);
}

TEST_CASE("a push of a job that was cancelled is broken off, and its attempt ends") {
  Scene scene(wait_for_end);
  scene.engine.respond(Verb::heartbeat, model::Extended{300ms, true});
  auto short_lease = grant("notify");
  short_lease.lease = 300ms;
  scene.engine.offer(short_lease);
  CHECK(scene.engine.heard(Verb::fail).text == "the push was broken off");
}

TEST_CASE("a runner that stops while pushes hang gives their attempts back, and ends in time") {
  Scene scene(wait_for_end, patience, 3);
  for (std::uint64_t entry = 1; entry <= 3; ++entry) {
    scene.engine.offer(grant("notify", entry));
    scene.receiver.next();
  }
  const auto begin = std::chrono::steady_clock::now();
  CHECK(scene.runner->stop(milliseconds{0}) == 0);
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  for (int i = 0; i < 3; ++i) {
    scene.engine.heard(Verb::release);
  }
  CHECK(scene.engine.unheard() == 0);
}

TEST_CASE("kinds come and go while the runner runs; what is on its way goes on") {
  std::binary_semaphore go{0};
  Scene scene([&](Exchange& exchange) {
    REQUIRE(go.try_acquire_for(patience));
    exchange.send(answer(200));
  });
  scene.engine.offer(grant("notify"));
  scene.receiver.next();
  scene.runner->set_push_kinds({});
  go.release();
  scene.engine.heard(Verb::complete);

  Receiver elsewhere(answer(200));
  scene.runner->set_push_kinds({{"announce", push::testing::target(elsewhere.url())}});
  scene.engine.offer(grant("announce", 9));
  scene.engine.heard(Verb::complete);
  CHECK(elsewhere.next().field("Job-Kind") == "announce");
  const auto claims = scene.engine.claims_of("notify");
  scene.engine.offer(grant("announce", 10));
  scene.engine.heard(Verb::complete);
  CHECK(scene.engine.claims_of("notify") == claims);
}

TEST_CASE("a kind that the node runs itself is not pushed by it") {
  FakeEngine engine;
  Receiver receiver(answer(200));
  push::testing::PostOffice office;
  std::vector<InProcessKind> own{
      {.kind = "notify", .handler = [](const JobContext&) -> HandlerResult { return Success{"1"}; }}};
  auto started = Runner::start(engine, nullptr, {}, {{}, std::move(own), {office.courier.get(), {}}});
  REQUIRE(started.ok());
  (*started)->set_push_kinds(
      {{"notify", push::testing::target(receiver.url())}, {"announce", push::testing::target(receiver.url())}});
  engine.offer(grant("announce"));
  CHECK(engine.heard(Verb::complete).text.empty());
  engine.offer(grant("notify"));
  CHECK(engine.heard(Verb::complete).text == "1");
  CHECK(receiver.connections() == 1);
  (*started)->stop(milliseconds{0});
}
