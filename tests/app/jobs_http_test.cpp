// Submitting and asking about jobs over HTTP.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "http_fixture.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using model::Errc;
using test::HttpFixture;

namespace {

constexpr std::string_view job = R"({"subject":"artifact:1","kind":"build_coverage","payload":{"n":1.10}})";

bool has(const test::Reply& reply, std::string_view text) {
  INFO(reply.body);
  const bool found = reply.body.find(text) != std::string::npos;
  CHECK(found);
  return found;
}

std::string id_of(std::uint64_t entry) {
  return model::to_string(model::JobId{model::ShardId{3}, model::EntryNumber{entry}});
}

model::Response story(model::JobState state, std::optional<model::JobView> now = std::nullopt) {
  auto story = std::make_shared<model::JobStory>();
  story->shard = model::ShardId{3};
  story->entry = model::EntryNumber{8};
  story->job.subject = "artifact:1";
  story->job.kind = "build_coverage";
  story->job.payload = R"({"n":1.10})";
  story->state = state;
  story->submitted_at = test::FakeEngine::noon;
  story->now = std::move(now);
  if (state == model::JobState::succeeded) {
    story->result = R"({"lines":12345678901234567890})";
    story->attempts.push_back({model::Attempt{1}, "w1", model::FencingToken{77}, test::FakeEngine::noon,
                               test::FakeEngine::noon + 1s, "succeeded", ""});
  }
  return std::shared_ptr<const model::JobStory>(story);
}

} // namespace

TEST_CASE("a submitted job is answered with 201, its place and its number as a string") {
  HttpFixture node;
  const auto reply = node.post("/v1/jobs", job);
  CHECK(reply.status == 201);
  CHECK(reply.field("Location") == "/v1/jobs/" + id_of(1));
  CHECK(reply.body == fmt::format(R"({{"id":"{}","subject":"artifact:1","kind":"build_coverage","sequence":"1","position":0,)"
                                  R"("state":"waiting","disposition":"accepted"}})",
                                  id_of(1)));
  REQUIRE(node.engine.submitted().size() == 1);
  CHECK(node.engine.submitted()[0].payload == R"({"n":1.10})");
}

TEST_CASE("a repeated request is answered with the first job and says that it is a replay") {
  HttpFixture node;
  node.engine.on_submit = [](const model::NewJob& asked) {
    CHECK(asked.key == "k 1");
    return model::Accepted{model::ShardId{3}, model::EntryNumber{5}, model::JobState::running, model::Disposition::duplicate,
                           0};
  };
  const auto reply = node.post("/v1/jobs", job, "Idempotency-Key: \"k 1\"\r\n");
  CHECK(reply.status == 200);
  CHECK(reply.field("Idempotency-Replayed") == "true");
  has(reply, R"("disposition":"duplicate")");
}

TEST_CASE("each refusal of the engine becomes a problem document with its status") {
  HttpFixture node;
  const std::pair<Errc, int> cases[] = {{Errc::idempotency_mismatch, 422},
                                        {Errc::backlog_full, 429},
                                        {Errc::unavailable, 503},
                                        {Errc::insufficient_storage, 503},
                                        {Errc::outcome_unknown, 503}};
  for (const auto& [code, status] : cases) {
    node.engine.on_submit = [code = code](const model::NewJob&) { return model::Error{code, "so it is", ""}; };
    const auto reply = node.post("/v1/jobs", job);
    CHECK(reply.status == status);
    CHECK(reply.field("Content-Type") == "application/problem+json");
    CHECK(reply.field("Retry-After").empty() == (status == 422));
    has(reply, fmt::format(R"("type":"/problems/{}")", model::name(code)));
    has(reply, R"("detail":"so it is")");
  }
}

TEST_CASE("an engine that does not answer a submit in time leaves its outcome unknown, and may answer later") {
  HttpFixture node({}, 50ms);
  node.engine.on_submit = [](const model::NewJob&) { return std::nullopt; };
  const auto reply = node.post("/v1/jobs", job);
  CHECK(reply.status == 503);
  has(reply, "/problems/outcome-unknown");
}

TEST_CASE("a malformed body is answered with 400 and the place of the fault") {
  const HttpFixture node;
  has(node.post("/v1/jobs", R"({"subject":"a:1","kind":"k","payload":{"x":1e400}})"), R"("pointer":"/payload/x")");
  CHECK(node.post("/v1/jobs", "[1]").status == 400);
  CHECK(node.post("/v1/jobs", "").status == 400);
  CHECK(node.post("/v1/jobs?wait=1", job).status == 400);
  CHECK(node.post("/v1/jobs", job, "Idempotency-Key: \"\"\r\n").status == 400);
  CHECK(node.post("/v1/jobs", job, "Idempotency-Key:\r\n").status == 400);
  has(node.post("/v1/jobs/batch", R"({"jobs":[]})", "Idempotency-Key: k\r\n"), "in the member idempotency_key");
}

TEST_CASE("a batch is answered item by item, and an invalid one does not refuse the others") {
  HttpFixture node;
  const auto reply = node.post(
      "/v1/jobs/batch",
      R"({"jobs":[{"subject":"a:1","kind":"k"},{"subject":"a:1"},{"subject":"a:2","kind":"k","idempotency_key":"x"}]})");
  CHECK(reply.status == 200);
  has(reply, fmt::format(R"({{"results":[{{"status":201,"id":"{}","subject":"a:1")", id_of(1)));
  has(reply, R"({"status":400,"problem":{"type":"/problems/malformed")");
  has(reply, R"("pointer":"/jobs/1/kind"}})");
  has(reply, fmt::format(R"({{"status":201,"id":"{}","subject":"a:2")", id_of(2)));
  REQUIRE(node.engine.submitted().size() == 2);
  CHECK(node.engine.submitted()[1].key == "x");
}

TEST_CASE("a job belongs to the trace of its request, unless it names its own; what is no trace is ignored") {
  HttpFixture node;
  const std::string of_request = "00-11112222333344445555666677778888-00f067aa0ba902b7-01";
  const std::string own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
  const std::string field = "traceparent: " + of_request + "\r\n";
  node.post("/v1/jobs", job, field);
  node.post("/v1/jobs", job, "traceparent: 00-none\r\n");
  node.post(
      "/v1/jobs/batch",
      fmt::format(R"({{"jobs":[{{"subject":"a:1","kind":"k"}},{{"subject":"a:2","kind":"k","traceparent":"{}"}}]}})", own),
      field);
  const auto jobs = node.engine.submitted();
  REQUIRE(jobs.size() == 4);
  CHECK(jobs[0].traceparent == of_request);
  CHECK(jobs[1].traceparent.empty());
  CHECK(jobs[2].traceparent == of_request);
  CHECK(jobs[3].traceparent == own);
}

TEST_CASE("items of a batch that get no answer in time are unknown, the others stand") {
  HttpFixture node({}, 50ms);
  node.engine.on_submit = [](const model::NewJob& asked) -> std::optional<model::Response> {
    if (asked.subject == "a:2") {
      return std::nullopt;
    }
    return model::Accepted{model::ShardId{3}, model::EntryNumber{1}, model::JobState::waiting, model::Disposition::accepted, 0};
  };
  const auto reply = node.post("/v1/jobs/batch", R"({"jobs":[{"subject":"a:1","kind":"k"},{"subject":"a:2","kind":"k"}]})");
  has(reply, R"({"status":201)");
  has(reply, R"({"status":503,"problem":{"type":"/problems/outcome-unknown")");
}

TEST_CASE("ten thousand jobs are one request, one more is too many") {
  HttpFixture node;
  std::string items;
  for (int i = 0; i < 10'000; ++i) {
    items += fmt::format("{}{{\"subject\":\"a:{}\",\"kind\":\"k\"}}", i == 0 ? "" : ",", i);
  }
  CHECK(node.post("/v1/jobs/batch", fmt::format("{{\"jobs\":[{}]}}", items)).status == 200);
  CHECK(node.engine.submitted().size() == 10'000);
  CHECK(node.post("/v1/jobs/batch", fmt::format("{{\"jobs\":[{},{}]}}", items, job)).status == 413);
}

TEST_CASE("a job tells its whole story, with payload and result as they were written") {
  HttpFixture node;
  node.engine.on_job = [](model::JobId) { return story(model::JobState::succeeded); };
  const auto reply = node.get("/v1/jobs/" + id_of(8));
  CHECK(reply.status == 200);
  has(reply, R"("state":"succeeded")");
  has(reply, R"("payload":{"n":1.10})");
  has(reply, R"("result":{"lines":12345678901234567890})");
  has(reply, R"("attempts":[{"attempt":1,"worker":"w1","fencing_token":"77","started_at":"2030-01-01T12:00:00.000000Z")");
}

TEST_CASE("a waiting job says in one sentence behind whom it waits") {
  HttpFixture node;
  node.engine.on_job = [](model::JobId) {
    return story(model::JobState::waiting, model::JobView{model::EntryNumber{8},
                                                          "build_coverage",
                                                          model::JobState::waiting,
                                                          {},
                                                          model::WaitReason::behind,
                                                          model::EntryNumber{7},
                                                          std::nullopt,
                                                          1});
  };
  node.engine.on_subject = [](const std::string&) {
    model::SubjectView view;
    view.turn = model::TurnView{model::EntryType::job,        model::EntryNumber{7},        model::Attempt{2},       "w1",
                                test::FakeEngine::noon - 12s, test::FakeEngine::noon + 18s, model::FencingToken{99}, false};
    return view;
  };
  const auto reply = node.get("/v1/jobs/" + id_of(8));
  has(reply, R"("reason":"behind")");
  has(reply,
      fmt::format(R"x("because":"waits behind job {}, which worker w1 has been running for 12 s (attempt 2)")x", id_of(7)));
}

TEST_CASE("a client that prefers to wait is told that its preference was applied") {
  HttpFixture node;
  node.engine.on_job = [](model::JobId) { return story(model::JobState::succeeded); };
  const auto reply = node.get("/v1/jobs/" + id_of(8), "Prefer: wait=20\r\n");
  CHECK(reply.field("Preference-Applied") == "wait=20");
  CHECK(node.engine.awaited() == 20s);
  CHECK(node.get("/v1/jobs/" + id_of(8)).field("Preference-Applied").empty());
}

TEST_CASE("an unknown job and a mistyped id are 404") {
  const HttpFixture node;
  CHECK(node.get("/v1/jobs/" + id_of(8)).status == 404);
  CHECK(node.get("/v1/jobs/no-such-id").status == 404);
  CHECK(node.post("/v1/jobs/no-such-id/cancel", "").status == 404);
}

TEST_CASE("a job is cancelled and retried by its id") {
  HttpFixture node;
  const auto reply = node.post(fmt::format("/v1/jobs/{}/cancel", id_of(8)), "");
  CHECK(reply.status == 200);
  CHECK(reply.body == fmt::format(R"({{"id":"{}","state":"cancelled","cancel_requested":false}})", id_of(8)));
  node.engine.on_job = [](model::JobId) { return model::Error{Errc::wrong_state, "it runs", ""}; };
  CHECK(node.post(fmt::format("/v1/jobs/{}/retry", id_of(8)), "{}").status == 409);
  CHECK(node.post(fmt::format("/v1/jobs/{}/retry", id_of(8)), R"({"now":true})").status == 400);
}

TEST_CASE("a subject is one percent-encoded segment, and tells who has the turn and why each job waits") {
  HttpFixture node;
  node.engine.on_subject = [](const std::string& subject) {
    CHECK(subject == "path:a/b c%");
    model::SubjectView view;
    view.turn = model::TurnView{model::EntryType::job,
                                model::EntryNumber{7},
                                model::Attempt{1},
                                "w1",
                                test::FakeEngine::noon - 3min,
                                test::FakeEngine::noon,
                                model::FencingToken{9'007'199'254'740'993},
                                false};
    view.queue_length = 2;
    view.jobs.push_back(
        {model::EntryNumber{7}, "move", model::JobState::running, model::Attempt{1}, model::WaitReason::none, {}, {}, 0});
    view.jobs.push_back({model::EntryNumber{9},
                         "expire",
                         model::JobState::waiting,
                         {},
                         model::WaitReason::behind,
                         model::EntryNumber{7},
                         {},
                         1});
    return view;
  };
  const auto reply = node.get("/v1/subjects/path:a%2Fb%20c%25");
  CHECK(reply.status == 200);
  has(reply, R"("subject":"path:a/b c%","state":"running")");
  has(reply, R"("fencing_token":"9007199254740993")");
  has(reply, "which worker w1 has been running for 3 min (attempt 1)");
  CHECK(node.get("/v1/subjects/a%00b").status == 400);
  CHECK(node.get("/v1/subjects/a?jobs=2000").status == 400);
  CHECK(node.get("/v1/subjects/a/b").status == 404);
}

TEST_CASE("a node tells how it is") {
  HttpFixture node;
  CHECK(node.get("/livez").status == 200);
  CHECK(node.get("/readyz").status == 200);
  has(node.get("/v1/stats"), R"({"jobs_open":7,)");
  const auto metrics = node.get("/metrics");
  CHECK(metrics.field("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  has(metrics, "turnwise_jobs_open 7\n");
  has(metrics, "turnwise_http_connections ");
  node.engine.is_ready = false;
  CHECK(node.get("/readyz").status == 503);
  node.engine.is_ready = true;
  node.context.draining = true;
  CHECK(node.get("/readyz").status == 503);
  CHECK(node.get("/livez").status == 200);
}
