// Jobs that a real node pushes, which is killed with -9 meanwhile. Needs PostgreSQL.
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <semaphore>
#include <thread>

#include "app/client/url.hpp"
#include "tests/e2e/node_process.hpp"
#include "tests/push/receiver.hpp"

namespace turnwise::tests {
namespace {

using push::testing::answer;
using push::testing::Exchange;
using push::testing::Receiver;

constexpr std::string_view trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A node that may push to 127.0.0.1 in the clear, and somebody who receives the kind "notify".
struct Scene {
  explicit Scene(Receiver::Script script) : receiver(std::move(script)) {}

  void start() {
    node.start();
    push_to(receiver.url());
  }
  void push_to(const std::string& url) const {
    const auto reply = node.connect().request("PUT", "/v1/kinds/notify",
                                              R"({"lease":"1s","backoff":{"initial":"10ms","max":"10ms"},"push":{"url":")" +
                                                  url + R"(","timeout":"5s"}})");
    REQUIRE(reply.ok());
    REQUIRE(reply->status == 200);
  }
  std::string submit(const std::string& subject = "a:1") const {
    client::NewJob job;
    job.subject = subject;
    job.kind = "notify";
    job.payload = R"({"n":1.10})";
    job.traceparent = trace;
    const auto submitted = node.connect().submit(job);
    REQUIRE(submitted.ok());
    return submitted->id;
  }
  /// What a GET of this answers once it has this text within.
  std::string await(const std::string& target, std::string_view text) const {
    auto client = node.connect();
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
      const auto reply = client.request("GET", target);
      if (reply.ok() && reply->body.find(text) != std::string::npos) {
        return reply->body;
      }
      INFO((reply.ok() ? reply->body : reply.error().detail));
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::sleep_for(1ms); // between two looks
    }
  }
  std::string await_job(const std::string& job, std::string_view text) const { return await("/v1/jobs/" + job, text); }

  TestDatabase database;
  Receiver receiver;
  NodeProcess node{database.connection(), {"--lease-min", "1s", "--push-allow", "127.0.0.1/32", "--push-http"}};
};

TEST_CASE("a job is pushed, and what the receiver answers is its result") {
  Scene scene([](Exchange& exchange) { exchange.send(answer(200, R"({"sent":1})")); });
  scene.start();
  const auto job = scene.submit();
  const auto heard = scene.receiver.next();
  CHECK(heard.body == R"({"n":1.10})");
  CHECK(heard.field("webhook-id") == job);
  CHECK(heard.field("webhook-signature").starts_with("v1,"));
  CHECK(heard.field("Job-Subject") == "a:1");
  CHECK(heard.field("traceparent") == trace);
  const auto story = scene.await_job(job, R"("state":"succeeded")");
  CHECK(story.find(R"("result":{"sent":1})") != std::string::npos);
  CHECK(story.find(R"("worker":"push@node")") != std::string::npos);
  CHECK(scene.node.stop() == 0);
}

TEST_CASE("row 48: a node that is killed while the receiver works pushes the same job again, with a higher fence") {
  std::atomic<int> requests{0};
  Scene scene([&](Exchange& exchange) {
    if (++requests == 1) {
      exchange.ends_within(patience); // until the node is gone
    }
    exchange.send(answer(200));
  });
  scene.start();
  const auto job = scene.submit();
  const auto first = scene.receiver.next();
  scene.node.kill();
  scene.node.start(); // with the kind's address from PostgreSQL
  const auto second = scene.receiver.next();
  CHECK(second.field("webhook-id") == first.field("webhook-id"));
  CHECK(first.field("Job-Attempt") == "1");
  CHECK(second.field("Job-Attempt") == "2");
  CHECK(std::stoull(second.field("Job-Fence")) > std::stoull(first.field("Job-Fence")));
  scene.await_job(job, R"("state":"succeeded")");
}

TEST_CASE("a receiver that answers 202 completes the job by its receipt") {
  Scene scene([](Exchange& exchange) { exchange.send(answer(202)); });
  scene.start();
  const auto job = scene.submit();
  const auto receipt = scene.receiver.next().field("Job-Receipt");
  const auto claim = "/v1/claims/" + client::percent_encode(receipt);
  auto client = scene.node.connect();
  CHECK(client.request("POST", claim + "/heartbeat", "{}")->status == 200);
  CHECK(client.request("POST", claim + "/complete", R"({"result":"done"})")->status == 200);
  CHECK(scene.await_job(job, R"("state":"succeeded")").find(R"("result":"done")") != std::string::npos);

  // And one that says nothing more loses the lease: the job is pushed again.
  scene.submit("a:2");
  CHECK(scene.receiver.next().field("Job-Attempt") == "1");
  CHECK(scene.receiver.next().field("Job-Attempt") == "2");
}

TEST_CASE("row 47: a kind whose receiver is gone is paused, with the reason, and goes on when it is resumed") {
  std::atomic<bool> is_gone{true};
  Scene scene([&](Exchange& exchange) { exchange.send(is_gone ? answer(410, "moved away") : answer(200)); });
  scene.start();
  const auto job = scene.submit();
  const auto kind = scene.await("/v1/kinds/notify", R"("paused":true)");
  CHECK(kind.find("the push address answered 410: moved away") != std::string::npos);
  CHECK(kind.find(R"("by":"push@node")") != std::string::npos);
  const auto story = scene.await_job(job, R"("reason":"kind-paused")");
  CHECK(story.find(R"("failures":0)") != std::string::npos);
  is_gone = false;
  REQUIRE(scene.node.connect().request("POST", "/v1/kinds/notify/resume", R"({"by":"ann"})")->status == 200);
  scene.await_job(job, R"("state":"succeeded")");
}

TEST_CASE("row 47: a busy receiver gets the job when it said, and no attempt is used up") {
  std::atomic<int> requests{0};
  Scene scene(
      [&](Exchange& exchange) { exchange.send(++requests == 1 ? answer(503, "", "Retry-After: 1\r\n") : answer(200)); });
  scene.start();
  const auto job = scene.submit();
  scene.receiver.next();
  scene.receiver.next();
  const auto story = scene.await_job(job, R"("state":"succeeded")");
  CHECK(story.find(R"("failures":0)") != std::string::npos);
  CHECK(story.find(R"("outcome":"released")") != std::string::npos);
}

TEST_CASE("row 46: a kind that leads inside fails its jobs for good, and connects to nobody") {
  Scene scene([](Exchange& exchange) { exchange.send(answer(200)); });
  scene.start();
  scene.push_to("http://127.0.0.2:" + std::to_string(scene.receiver.port()) + "/");
  const auto job = scene.submit();
  CHECK(scene.await_job(job, R"("state":"parked")").find("blocked_destination: ") != std::string::npos);
  scene.push_to("http://" + scene.node.address() + "/v1/jobs"); // the node itself
  const auto itself = scene.submit("a:2");
  CHECK(scene.await_job(itself, R"("state":"parked")").find("is this node itself") != std::string::npos);
  CHECK(scene.receiver.connections() == 0);
}

TEST_CASE("a secret is shown once, and while it is replaced both sign") {
  Scene scene([](Exchange& exchange) { exchange.send(answer(200)); });
  scene.node.start();
  const auto body = R"({"push":{"url":")" + scene.receiver.url() + R"("}})";
  auto client = scene.node.connect();
  const auto first = client.request("PUT", "/v1/kinds/notify", body)->body;
  const auto at = first.find("whsec_");
  REQUIRE(at != std::string::npos);
  const auto secret = first.substr(at, first.find('"', at) - at);
  CHECK(client.request("GET", "/v1/kinds/notify")->body.find("whsec_") == std::string::npos);
  CHECK(client.request("PUT", "/v1/kinds/notify", body)->body.find("new_secret") == std::string::npos); // it has one
  const auto rotated =
      client.request("PUT", "/v1/kinds/notify", R"({"push":{"url":")" + scene.receiver.url() + R"(","rotate":"1h"}})")->body;
  CHECK(rotated.find("whsec_") != std::string::npos);
  CHECK(rotated.find(secret) == std::string::npos);
  scene.submit();
  CHECK(scene.receiver.next().field("webhook-signature").find(" v1,") != std::string::npos);
}

TEST_CASE("a node that is asked to stop while pushes hang ends in time, and the jobs are pushed again") {
  std::atomic<int> requests{0};
  Scene scene([&](Exchange& exchange) {
    if (++requests == 1) {
      exchange.ends_within(patience);
    }
    exchange.send(answer(200));
  });
  NodeProcess hasty(scene.database.connection(),
                    {"--lease-min", "1s", "--push-allow", "127.0.0.1", "--push-http", "--drain-max", "2s"});
  hasty.start();
  REQUIRE(hasty.connect()
              .request("PUT", "/v1/kinds/notify", R"({"push":{"url":")" + scene.receiver.url() + R"(","timeout":"30s"}})")
              ->status == 200);
  client::NewJob job;
  job.subject = "a:1";
  job.kind = "notify";
  const auto submitted = hasty.connect().submit(job);
  REQUIRE(submitted.ok());
  scene.receiver.next();
  const auto begin = std::chrono::steady_clock::now();
  CHECK(hasty.stop() == 0);
  CHECK(std::chrono::steady_clock::now() - begin < 15s); // half of the push's own time
  scene.node.start();
  scene.receiver.next();
  scene.await_job(submitted->id, R"("state":"succeeded")");
}

} // namespace
} // namespace turnwise::tests
