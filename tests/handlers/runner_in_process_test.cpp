#include <atomic>
#include <semaphore>
#include <stdexcept>
#include <thread>

#include <catch2/catch_test_macros.hpp>

#include "app/handlers/runner.hpp"
#include "model/job_id.hpp"
#include "tests/handlers/fake_engine.hpp"

using namespace turnwise;
using namespace turnwise::handlers;
using namespace turnwise::handlers::testing;
using model::Errc;

namespace {

/// A node with one in-process kind, and an engine in the hands of the test.
struct Scene {
  explicit Scene(InProcessKind kind, milliseconds farewell = patience) {
    RunnerConfig config;
    config.node_name = "n1";
    config.retry_wait_min = milliseconds{10};
    config.retry_wait_max = milliseconds{50};
    config.farewell = farewell;
    auto started = Runner::start(engine, nullptr, std::move(config), {.exec = {}, .in_process = {std::move(kind)}});
    REQUIRE(started.ok());
    runner = std::move(started).value();
  }
  explicit Scene(Handler handler, milliseconds farewell = patience)
      : Scene(InProcessKind{.kind = "update", .handler = std::move(handler)}, farewell) {}
  FakeEngine engine;
  std::unique_ptr<Runner> runner;
};

/// Waits until the handler is asked to end.
void await_cancelled(const JobContext& job) {
  std::binary_semaphore asked(0);
  const std::stop_callback callback(job.stop, [&] { asked.release(); });
  if (!asked.try_acquire_for(patience)) {
    throw std::runtime_error("nobody asked the handler to end");
  }
}

} // namespace

TEST_CASE("a function gets its job and its result completes it") {
  JobContext seen;
  Scene scene([&](const JobContext& job) -> HandlerResult {
    seen = job;
    return Success{R"({"pipeline":7})"};
  });
  CHECK(scene.engine.claim_waits("update", 1).worker == "inproc@n1");
  auto given = grant("update");
  given.metadata = R"({"trace":1})";
  scene.engine.offer(given);
  CHECK(scene.engine.heard(Verb::complete).text == R"({"pipeline":7})");
  scene.runner->stop(patience);
  CHECK(seen.job == model::to_string(model::JobId{model::ShardId{3}, model::EntryNumber{7}}));
  CHECK(seen.subject == "artifact:7");
  CHECK(seen.kind == "update");
  CHECK(seen.payload == R"({"size":1})");
  CHECK(seen.metadata == R"({"trace":1})");
  CHECK(seen.attempt == model::Attempt{2});
  CHECK(seen.fencing_token == model::FencingToken{9'007'199'254'740'993});
  CHECK_FALSE(seen.deadline);
  CHECK_FALSE(seen.cancelled());
}

TEST_CASE("a function may ask for a later try, at a time of its own") {
  Scene scene([](const JobContext&) -> HandlerResult { return RetryLater{"the forge is away", std::chrono::seconds(30)}; });
  scene.engine.offer(grant("update"));
  const auto answer = scene.engine.heard(Verb::fail);
  CHECK(answer.text == "the forge is away");
  CHECK(answer.retry == model::Retry::by_policy);
  CHECK(answer.retry_after == milliseconds{30'000});
}

TEST_CASE("a function may give its job up") {
  Scene scene([](const JobContext&) -> HandlerResult { return GiveUp{"no such pipeline"}; });
  scene.engine.offer(grant("update"));
  const auto answer = scene.engine.heard(Verb::fail);
  CHECK(answer.text == "no such pipeline");
  CHECK(answer.retry == model::Retry::never);
}

TEST_CASE("an exception that leaves a function fails the attempt with its text") {
  std::atomic<int> calls{0};
  Scene scene([&](const JobContext&) -> HandlerResult {
    if (calls++ == 0) {
      throw std::runtime_error("disk \xff full");
    }
    throw 42;
  });
  scene.engine.offer(grant("update"));
  const auto first = scene.engine.heard(Verb::fail);
  CHECK(first.text == "disk \xef\xbf\xbd full");
  CHECK(first.retry == model::Retry::by_policy);
  scene.engine.offer(grant("update"));
  CHECK(scene.engine.heard(Verb::fail).text == "the handler threw something that is no std::exception");
}

TEST_CASE("a result that is no JSON is stored as a JSON string") {
  Scene scene([](const JobContext&) -> HandlerResult { return Success{"done"}; });
  scene.engine.offer(grant("update"));
  CHECK(scene.engine.heard(Verb::complete).text == "\"done\"");
}

TEST_CASE("as many functions run at a time as the kind has slots, and no more") {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::counting_semaphore<> begun(0);
  std::counting_semaphore<> go(0);
  InProcessKind kind{.kind = "update", .handler = {}, .concurrency = 3};
  kind.handler = [&](const JobContext&) -> HandlerResult {
    most = std::max<int>(most, ++running);
    begun.release();
    const bool went = go.try_acquire_for(patience);
    --running;
    return went ? HandlerResult(Success{}) : GiveUp{"nobody said go"};
  };
  Scene scene(kind);
  for (std::uint64_t entry = 1; entry <= 10; ++entry) {
    scene.engine.offer(grant("update", entry));
  }
  for (int i = 0; i < 3; ++i) {
    REQUIRE(begun.try_acquire_for(patience));
  }
  go.release(10);
  for (int i = 0; i < 10; ++i) {
    scene.engine.heard(Verb::complete);
  }
  CHECK(most == 3);
}

TEST_CASE("a function of a cancelled job is told so") {
  Scene scene([](const JobContext& job) -> HandlerResult {
    await_cancelled(job);
    return RetryLater{job.cancelled() ? "stopped" : "not cancelled"};
  });
  scene.engine.respond(Verb::heartbeat, model::Extended{milliseconds{3'000}, true});
  scene.engine.offer(grant("update"));
  CHECK(scene.engine.heard(Verb::fail).text == "stopped");
}

TEST_CASE("a function of a superseded attempt is told so, and what it says is not reported") {
  std::binary_semaphore told(0);
  Scene scene([&](const JobContext& job) -> HandlerResult {
    await_cancelled(job);
    told.release();
    return Success{};
  });
  scene.engine.respond(Verb::heartbeat, error(Errc::stale_fence));
  scene.engine.offer(grant("update"));
  REQUIRE(told.try_acquire_for(patience));
  scene.engine.claim_waits("update", 1);
  CHECK(scene.engine.unheard() == 0);
}

TEST_CASE("a function that succeeds although its lease has run out is still reported, in case nobody superseded it") {
  Scene scene([](const JobContext& job) -> HandlerResult {
    await_cancelled(job);
    return Success{"1"};
  });
  scene.engine.respond(Verb::heartbeat, error(Errc::unavailable));
  auto given = grant("update");
  given.lease = milliseconds{300};
  scene.engine.offer(given);
  CHECK(scene.engine.heard(Verb::complete).text == "1");
}

TEST_CASE("a function that takes too long is told so and its attempt fails, whatever it says") {
  InProcessKind kind{.kind = "update", .handler = {}, .timeout = milliseconds{200}};
  kind.handler = [](const JobContext& job) -> HandlerResult {
    await_cancelled(job);
    return job.deadline ? HandlerResult(Success{}) : GiveUp{"no deadline"};
  };
  Scene scene(kind);
  scene.engine.offer(grant("update"));
  CHECK(scene.engine.heard(Verb::fail).text == "timed out after 200ms");
}

TEST_CASE("a runner that may not wait any longer asks its functions to end and gives their attempts back") {
  std::binary_semaphore begun(0);
  Scene scene([&](const JobContext& job) -> HandlerResult {
    begun.release();
    await_cancelled(job);
    return RetryLater{"stopped"};
  });
  scene.engine.offer(grant("update"));
  REQUIRE(begun.try_acquire_for(patience));
  CHECK(scene.runner->stop(milliseconds{0}) == 0);
  scene.engine.heard(Verb::release);
  CHECK(scene.engine.unheard() == 0);
}

TEST_CASE("a function that does not return does not hold up the end of the runner for ever") {
  struct Shared {
    std::binary_semaphore begun{0};
    std::binary_semaphore go{0};
    std::binary_semaphore left{0};
  };
  auto shared = std::make_shared<Shared>();
  {
    const Handler stubborn = [shared](const JobContext&) -> HandlerResult {
      shared->begun.release();
      const bool went = shared->go.try_acquire_for(std::chrono::minutes(2));
      shared->left.release();
      return went ? HandlerResult(Success{}) : GiveUp{"nobody said go"};
    };
    Scene scene(stubborn, milliseconds{100});
    scene.engine.offer(grant("update"));
    REQUIRE(shared->begun.try_acquire_for(patience));
    CHECK(scene.runner->stop(milliseconds{0}) == 1);
    CHECK(scene.engine.unheard() == 0); // not released: it still runs
  }
  shared->go.release();
  CHECK(shared->left.try_acquire_for(patience));
}
