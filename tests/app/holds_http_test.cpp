// Holds and pauses over HTTP.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "http_fixture.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using test::HttpFixture;

namespace {

constexpr std::string_view holds = "/v1/subjects/artifact%3A1/holds";
const std::string hold_id = model::to_string(model::JobId{model::ShardId{3}, model::EntryNumber{9}});

bool has(const test::Reply& reply, std::string_view text) {
  INFO(reply.body);
  const bool found = reply.body.find(text) != std::string::npos;
  CHECK(found);
  return found;
}

model::HoldGrant granted() {
  return {model::ShardId{3}, model::EntryNumber{9}, model::FencingToken{77}, 10s, 120ms, test::FakeEngine::noon + 10s};
}

/// One request with a method and fields of one's choice.
test::Reply ask(const HttpFixture& node, std::string_view method, std::string_view target, std::string_view fields,
                std::string_view body = "") {
  return node.connect().ask(fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                        "Content-Length: {}\r\n{}\r\n{}",
                                        method, target, body.size(), fields, body));
}

} // namespace

TEST_CASE("a hold that is granted is answered with its id, its token as ETag, and how long it waited") {
  HttpFixture node;
  std::optional<actors::HoldRequest> asked;
  node.engine.on_hold = [&](actors::HoldRequest request) {
    asked = std::move(request);
    return granted();
  };
  const auto reply = node.post(holds, R"({"owner":"web-1","ttl":"10s","on_busy":"wait","wait":"5s"})");
  CHECK(reply.status == 201);
  CHECK(reply.field("ETag") == "\"77\"");
  CHECK(reply.field("Location") == "/v1/holds/" + hold_id);
  has(reply, R"("fencing_token":"77","ttl":"10s","waited_ms":120,"expires_at":"2030-01-01T12:00:10.000000Z")");
  REQUIRE(asked);
  CHECK(asked->subject == "artifact:1");
  CHECK(asked->owner == "web-1");
  CHECK(asked->on_busy == model::OnBusy::wait);
  CHECK(asked->wait == 5s);
}

TEST_CASE("a busy subject is answered with 409 and who has the turn") {
  HttpFixture node;
  node.engine.on_hold = [](const actors::HoldRequest&) {
    model::SubjectBusy busy;
    busy.turn = model::TurnView{model::EntryType::job,  model::EntryNumber{8},        model::Attempt{2},       "w1",
                                test::FakeEngine::noon, test::FakeEngine::noon + 30s, model::FencingToken{70}, false};
    busy.queue_length = 3;
    return busy;
  };
  const auto reply = node.post(holds, R"({"owner":"web-1","ttl":"10s","on_busy":"skip"})");
  CHECK(reply.status == 409);
  CHECK(reply.field("Content-Type") == "application/problem+json");
  has(reply, R"("type":"/problems/subject-busy")");
  has(reply, R"("worker":"w1")");
  has(reply, R"("queue_length":3)");
}

TEST_CASE("a deferred hold is answered with 202 and the job, whose payload is as it was written") {
  HttpFixture node;
  std::string payload;
  node.engine.on_hold = [&](const actors::HoldRequest& request) {
    payload = request.deferred->payload;
    CHECK(request.deferred->subject == "artifact:1");
    return model::Accepted{model::ShardId{3}, model::EntryNumber{8}, model::JobState::waiting, model::Disposition::accepted, 2};
  };
  const auto reply =
      node.post(holds, R"({"owner":"w","ttl":"10s","on_busy":"defer","defer":{"kind":"move","payload":{"n":1.10}}})");
  CHECK(reply.status == 202);
  CHECK(payload == R"({"n":1.10})");
  has(reply, R"("kind":"move")");
}

TEST_CASE("a hold that is not what the API describes is refused with what is wrong") {
  HttpFixture node;
  const std::pair<std::string_view, std::string_view> bad[] = {
      {R"({"ttl":"10s","on_busy":"skip"})", "/owner"},
      {R"({"owner":"w","on_busy":"skip"})", "/ttl"},
      {R"({"owner":"w","ttl":"10s"})", "/on_busy"},
      {R"({"owner":"w","ttl":"10s","on_busy":"later"})", "/on_busy"},
      {R"({"owner":"w","ttl":"10s","on_busy":"skip","wait":"1s"})", "/wait"},
      {R"({"owner":"w","ttl":"10s","on_busy":"wait","wait":"31s"})", "/wait"},
      {R"({"owner":"w","ttl":"10s","on_busy":"defer"})", "/defer"},
      {R"({"owner":"w","ttl":"10s","on_busy":"skip","defer":{"kind":"k"}})", "/defer"},
      {R"({"owner":"w","ttl":"10s","on_busy":"defer","defer":{"kind":""}})", "/defer/kind"},
      {R"({"owner":"w","ttl":"10s","on_busy":"defer","defer":{"kind":"k","subject":"a:2"}})", "/defer/subject"},
      {R"({"owner":"w","ttl":"10s","on_busy":"skip","more":1})", "/more"},
  };
  for (const auto& [body, pointer] : bad) {
    CAPTURE(body);
    const auto reply = node.post(holds, body);
    CHECK(reply.status == 400);
    has(reply, fmt::format(R"("pointer":"{}")", pointer));
  }
}

TEST_CASE("a change of a hold must say its fencing token") {
  HttpFixture node;
  node.engine.on_renew = [](model::JobId, model::FencingToken token,
                            std::optional<model::milliseconds> ttl) -> model::Response {
    if (token.value() != 77) {
      return model::Error{model::Errc::stale_fence, "the hold has ended", ""};
    }
    return model::Extended{ttl.value_or(10s), false};
  };
  node.engine.on_release = [](model::JobId, model::FencingToken) { return model::HoldGone{}; };
  const std::string path = "/v1/holds/" + hold_id;
  CHECK(ask(node, "PATCH", path, "", "{}").status == 428);
  CHECK(ask(node, "DELETE", path, "").status == 428);
  CHECK(ask(node, "PATCH", path, "If-Match: 77\r\n", "{}").status == 400);
  CHECK(ask(node, "PATCH", path, "If-Match: *\r\n", "{}").status == 400);
  CHECK(ask(node, "PATCH", path, "If-Match: \"76\"\r\n", "{}").status == 412);
  has(ask(node, "PATCH", path, "If-Match: \"77\"\r\n", R"({"ttl":"20s"})"), R"("ttl":"20s")");
  CHECK(ask(node, "DELETE", path, "If-Match: \"77\"\r\n").status == 200);
  CHECK(ask(node, "DELETE", "/v1/holds/nonsense", "If-Match: \"77\"\r\n").status == 404);
}

TEST_CASE("a subject is paused and resumed by somebody, and says so") {
  HttpFixture node;
  node.engine.on_pause = [](const std::string& subject, const std::string& by, const std::string& why) {
    CHECK(subject == "artifact:1");
    return model::PauseChanged{model::PauseView{by, why, test::FakeEngine::noon}};
  };
  node.engine.on_resume = [](const std::string&, const std::string&) { return model::PauseChanged{}; };
  CHECK(node.post("/v1/subjects/artifact%3A1/pause", R"({"by":"ann"})").status == 400);
  has(node.post("/v1/subjects/artifact%3A1/pause", R"({"by":"ann","why":"incident 7"})"),
      R"("pause":{"by":"ann","why":"incident 7","since":"2030-01-01T12:00:00.000000Z"})");
  has(node.post("/v1/subjects/artifact%3A1/resume", R"({"by":"ann"})"), R"("paused":false)");

  node.engine.on_subject = [](const std::string&) {
    model::SubjectView view;
    view.pause = model::PauseView{"ann", "incident 7", test::FakeEngine::noon};
    view.queue_length = 1;
    model::JobView job;
    job.entry = model::EntryNumber{4};
    job.kind = "move";
    job.state = model::JobState::waiting;
    job.reason = model::WaitReason::paused;
    view.jobs.push_back(job);
    return view;
  };
  const auto subject = node.get("/v1/subjects/artifact%3A1");
  has(subject, R"("state":"paused")");
  has(subject, R"(ann paused the subject at 2030-01-01T12:00:00.000000Z: incident 7)");
}
