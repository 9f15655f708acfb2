// Pull workers over HTTP: claims, long polls, and what workers say of their attempts.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "app/client/client.hpp"
#include "http_fixture.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using test::grant_of;
using test::HttpFixture;
using Verb = actors::Answer::Verb;

namespace {

std::string receipt_of(const model::Grant& grant) {
  return model::to_string(model::Receipt{grant.shard, {grant.entry, grant.attempt, grant.nonce}});
}

bool has(const test::Reply& reply, std::string_view text) {
  INFO(reply.body);
  const bool found = reply.body.find(text) != std::string::npos;
  CHECK(found);
  return found;
}

} // namespace

TEST_CASE("a claim that finds work is answered with the whole turn") {
  HttpFixture node;
  const auto grant = grant_of(7, R"({"n":12345678901234567890})");
  node.engine.offer(grant);
  const auto reply = node.post("/v1/claims", R"({"worker":"w1","kinds":["build_coverage"],"max":5})");
  CHECK(reply.status == 200);
  has(reply, R"({"waited_ms":5,"drain":false,"claims":[{)");
  has(reply, fmt::format(R"("receipt":"{}")", receipt_of(grant)));
  has(reply, R"("fencing_token":"9007199254740993","lease":"30s","lease_expires_at":"2030-01-01T12:00:)");
  has(reply, R"("payload":{"n":12345678901234567890})");
}

TEST_CASE("a claim that does not wait and finds nothing is answered at once") {
  const HttpFixture node;
  const auto reply = node.post("/v1/claims", R"({"worker":"w1","kinds":["k"]})");
  CHECK(reply.status == 200);
  has(reply, R"("claims":[])");
}

TEST_CASE("a long poll is answered when work comes") {
  HttpFixture node;
  auto client = node.connect();
  client.send(test::post_bytes("/v1/claims", R"({"worker":"w1","kinds":["k"],"wait":"30s"})"));
  auto waiting = node.engine.take_waiting();
  REQUIRE(waiting.recipient);
  CHECK(waiting.request.wait == 30s);
  CHECK_FALSE(waiting.recipient->gone());
  waiting.recipient->claimed({grant_of(7)}, 1'500ms);
  has(client.read(), R"("waited_ms":1500)");
  CHECK(client.ask("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").status == 200);
}

TEST_CASE("when the client of a long poll hangs up, the recipient is gone and later grants are given back") {
  HttpFixture node;
  auto client = node.connect();
  client.send(test::post_bytes("/v1/claims", R"({"worker":"w1","kinds":["k"],"wait":"30s"})"));
  auto waiting = node.engine.take_waiting();
  REQUIRE(waiting.recipient);
  client.close();
  for (const auto deadline = std::chrono::steady_clock::now() + 10s;
       !waiting.recipient->gone() && std::chrono::steady_clock::now() < deadline;) {
    std::this_thread::yield();
  }
  CHECK(waiting.recipient->gone());
  waiting.recipient->claimed({grant_of(7)}, 0ms);
  REQUIRE(node.engine.await_answers(1));
  CHECK(node.engine.answered()[0].verb == Verb::release);
  CHECK(node.engine.answered()[0].receipt.claim.entry == model::EntryNumber{7});
}

TEST_CASE("a request that comes behind a long poll on the same connection waits for its answer") {
  HttpFixture node;
  auto client = node.connect();
  client.send(test::post_bytes("/v1/claims", R"({"worker":"w1","kinds":["k"],"wait":"30s"})"));
  client.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  auto waiting = node.engine.take_waiting();
  REQUIRE(waiting.recipient);
  CHECK_FALSE(waiting.recipient->gone());
  waiting.recipient->claimed({}, 1ms);
  has(client.read(), R"("claims":[])");
  has(client.read(), "alive");
}

TEST_CASE("a claim that the engine never answers ends, and what comes later is given back") {
  HttpFixture node({}, 50ms);
  auto client = node.connect();
  client.send(test::post_bytes("/v1/claims", R"({"worker":"w1","kinds":["k"],"wait":"1ms"})"));
  auto waiting = node.engine.take_waiting();
  REQUIRE(waiting.recipient);
  CHECK(client.read().status == 503);
  CHECK(waiting.recipient->gone());
  waiting.recipient->claimed({grant_of(7)}, 0ms);
  CHECK(node.engine.await_answers(1));
}

TEST_CASE("a refused claim is a problem, but does not hide what became of results") {
  HttpFixture node;
  auto client = node.connect();
  client.send(test::post_bytes("/v1/claims", R"({"worker":"w1","kinds":["k"],"wait":"30s"})"));
  node.engine.take_waiting().recipient->refused({model::Errc::unavailable, "draining", ""});
  CHECK(client.read().status == 503);

  client.send(
      test::post_bytes("/v1/claims", fmt::format(R"({{"worker":"w1","kinds":["k"],"wait":"30s","results":[{{"receipt":"{}",)"
                                                 R"("outcome":"complete"}}]}})",
                                                 receipt_of(grant_of(7)))));
  node.engine.take_waiting().recipient->refused({model::Errc::unavailable, "draining", ""});
  const auto reply = client.read();
  CHECK(reply.status == 200);
  has(reply, R"("claim_problem":{"type":"/problems/unavailable")");
  has(reply, R"("status":200,"state":"succeeded")");
}

TEST_CASE("results are answered one by one beside new claims, receipts to extend likewise") {
  HttpFixture node;
  const auto one = receipt_of(grant_of(7));
  const auto two = receipt_of(grant_of(8));
  node.engine.on_answer = [](const actors::Answer& answer) -> std::optional<model::Response> {
    if (answer.receipt.claim.entry == model::EntryNumber{8}) {
      return model::Error{model::Errc::stale_fence, "superseded", ""};
    }
    return answer.verb == Verb::heartbeat ? model::Response{model::Extended{15s, true}}
                                          : model::Response{model::Outcome{model::JobState::retrying, test::FakeEngine::noon}};
  };
  const auto reply = node.post(
      "/v1/claims",
      fmt::format(R"({{"worker":"w1","max":0,"results":[{{"receipt":"{0}","outcome":"fail","error":"x"}},)"
                  R"({{"receipt":"{1}","outcome":"complete"}},{{"receipt":"?","outcome":"complete"}}],"extend":["{0}"]}})",
                  one, two));
  CHECK(reply.status == 200);
  has(reply, R"("claims":[])");
  has(reply,
      fmt::format(R"({{"receipt":"{}","status":200,"state":"retrying","retry_at":"2030-01-01T12:00:00.000000Z"}})", one));
  has(reply, fmt::format(R"({{"receipt":"{}","status":412,"problem":{{"type":"/problems/stale-fence")", two));
  has(reply, R"({"receipt":"?","status":400,"problem":{)");
  has(reply, fmt::format(R"("extended":[{{"receipt":"{}","status":200,"lease":"15s","cancel":true,"drain":false}}])", one));
}

TEST_CASE("what a worker says about one attempt reaches the engine") {
  HttpFixture node;
  const auto receipt = receipt_of(grant_of(7));
  auto say = [&](std::string_view verb, std::string_view body) {
    return node.post(fmt::format("/v1/claims/{}/{}", receipt, verb), body);
  };
  CHECK(say("heartbeat", "").body == R"({"lease":"30s","cancel":false,"drain":false})");
  CHECK(say("fail", R"({"error":"disk full","retry":false})").status == 200);
  CHECK(say("release", "{}").status == 200);
  CHECK(say("complete", R"({"result":{"n":1.10}})").body == R"({"state":"succeeded"})");
  const auto answered = node.engine.answered();
  REQUIRE(answered.size() == 4);
  CHECK(answered[0].verb == Verb::heartbeat);
  CHECK(answered[1].text == "disk full");
  CHECK(answered[1].retry == model::Retry::never);
  CHECK(answered[3].text == R"({"n":1.10})");
  CHECK(say("explode", "").status == 404);
  CHECK(node.post("/v1/claims/nonsense/complete", "").status == 404);
}

TEST_CASE("a superseded receipt is answered with 412") {
  HttpFixture node;
  node.engine.on_answer = [](const actors::Answer&) {
    return model::Error{model::Errc::stale_fence, "attempt 2 has begun", ""};
  };
  const auto reply = node.post(fmt::format("/v1/claims/{}/complete", receipt_of(grant_of(7))), "");
  CHECK(reply.status == 412);
  has(reply, "/problems/stale-fence");
}

TEST_CASE("a call that extends a lease waits for a third of it at most, after it has extended it") {
  HttpFixture node;
  node.engine.on_answer = [](const actors::Answer&) { return model::Extended{15s, false}; };
  auto client = node.connect();
  client.send(test::post_bytes(
      "/v1/claims", fmt::format(R"({{"worker":"w1","kinds":["k"],"wait":"30s","extend":["{}"]}})", receipt_of(grant_of(7)))));
  auto waiting = node.engine.take_waiting();
  REQUIRE(waiting.recipient);
  CHECK(node.engine.answered().size() == 1);
  CHECK(waiting.request.wait == 5s);
  waiting.recipient->claimed({}, 5s);
  has(client.read(), R"("lease":"15s")");
}

TEST_CASE("a worker that has to hear of a result or of a cancelled job at once does not wait for turns") {
  HttpFixture node;
  const auto receipt = receipt_of(grant_of(7));
  node.engine.on_answer = [](const actors::Answer& answer) -> std::optional<model::Response> {
    if (answer.verb == Verb::heartbeat) {
      return model::Extended{15s, true};
    }
    return model::Error{model::Errc::stale_fence, "superseded", ""};
  };
  auto ask = [&](std::string_view members) {
    return node.post("/v1/claims", fmt::format(R"({{"worker":"w1","kinds":["k"],"wait":"30s",{}}})", members));
  };
  const auto refused = ask(fmt::format(R"("results":[{{"receipt":"{}","outcome":"complete"}}])", receipt));
  has(refused, "/problems/stale-fence");
  has(refused, R"("claims":[],"results")");
  CHECK(node.engine.take_waiting().recipient->gone());
  has(ask(R"("results":[{"receipt":"?","outcome":"complete"}])"), R"("status":400)");
  CHECK(node.engine.take_waiting().recipient->gone());
  has(ask(fmt::format(R"("extend":["{}"])", receipt)), R"("cancel":true)");
}

TEST_CASE("turns beyond what an answer may hold are given back, and the others can be read by the client") {
  HttpFixture node;
  for (std::uint64_t entry = 1; entry <= 10; ++entry) {
    node.engine.offer(grant_of(entry, fmt::format("\"{}\"", std::string(1'000'000, 'x'))));
  }
  auto client = client::Client::open(fmt::format("http://127.0.0.1:{}", node.port()));
  const auto claimed = client->claim({.worker = "w1", .kinds = {"k"}, .max = 10, .lease = {}, .results = {}, .extend = {}});
  REQUIRE(claimed.ok());
  CHECK(claimed->grants.size() == 8);
  REQUIRE(node.engine.await_answers(2));
  CHECK(node.engine.answered()[0].verb == Verb::release);
  CHECK(node.engine.answered()[1].receipt.claim.entry == model::EntryNumber{10});
}

TEST_CASE("a turn whose payload is nested as deep as a job may be can be read by the client") {
  HttpFixture node;
  const std::string payload = std::string(63, '[') + std::string(63, ']');
  node.engine.offer(grant_of(7, payload));
  auto client = client::Client::open(fmt::format("http://127.0.0.1:{}", node.port()));
  const auto claimed = client->claim({.worker = "w1", .kinds = {"k"}, .lease = {}, .results = {}, .extend = {}});
  REQUIRE(claimed.ok());
  REQUIRE(claimed->grants.size() == 1);
  CHECK(claimed->grants[0].payload == payload);
}

TEST_CASE("turns are given back when the client hangs up while their answer is written") {
  HttpFixture node;
  auto client = node.connect();
  client.send(test::post_bytes("/v1/claims", R"({"worker":"w1","kinds":["k"],"wait":"30s"})"));
  auto waiting = node.engine.take_waiting();
  REQUIRE(waiting.recipient);
  waiting.recipient->claimed({grant_of(7, fmt::format("\"{}\"", std::string(60'000'000, 'x')))}, 0ms);
  REQUIRE(client.read_more()); // the answer is on its way
  client.close();
  REQUIRE(node.engine.await_answers(1));
  CHECK(node.engine.answered()[0].verb == Verb::release);
}

TEST_CASE("turns are given back when the client hung up before their answer was written") {
  HttpFixture node({}, 300ms);
  node.engine.on_answer = [](const actors::Answer&) { return std::nullopt; }; // the results take long
  auto client = node.connect();
  client.send(
      test::post_bytes("/v1/claims", fmt::format(R"({{"worker":"w1","kinds":["k"],"wait":"30s","results":[{{"receipt":"{}",)"
                                                 R"("outcome":"complete"}}]}})",
                                                 receipt_of(grant_of(6)))));
  auto waiting = node.engine.take_waiting();
  REQUIRE(waiting.recipient);
  waiting.recipient->claimed({grant_of(7)}, 0ms);
  client.close();
  REQUIRE(node.engine.await_answers(2));
  CHECK(node.engine.answered()[1].verb == Verb::release);
  CHECK(node.engine.answered()[1].receipt.claim.entry == model::EntryNumber{7});
}
