// Bodies of requests: what is read from them, and what the refusal of a bad one says.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "app/api/headers.hpp"
#include "app/api/requests.hpp"
#include "app/json/parse.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using model::Errc;

namespace {

model::Result<model::NewJob> job_from(std::string_view members) {
  const auto parsed = json::parse(fmt::format(R"({{"subject":"artifact:1","kind":"build_coverage"{}}})", members));
  REQUIRE(parsed.ok());
  return api::parse_new_job(parsed.value().get_object(), api::KeyPlace::header, {});
}

model::Error refusal(std::string_view members) {
  const auto job = job_from(members);
  INFO(members);
  REQUIRE_FALSE(job.ok());
  return job.error();
}

std::string repeated(char c, std::size_t count) {
  return std::string(count, c);
}

std::string some_receipt() {
  return model::to_string(model::Receipt{model::ShardId{3}, {model::EntryNumber{7}, model::Attempt{1}, {}}});
}

model::Result<api::ClaimBody> claim_from(std::string_view text) {
  const auto parsed = json::parse(text, {.depth = 3});
  REQUIRE(parsed.ok());
  return api::parse_claim(parsed.value().get_object(), {});
}

} // namespace

TEST_CASE("a job needs only a subject and a kind") {
  const auto job = job_from("");
  REQUIRE(job.ok());
  CHECK(job->subject == "artifact:1");
  CHECK(job->kind == "build_coverage");
  CHECK(job->payload == "null");
  CHECK(job->metadata.empty());
  CHECK(job->options.empty());
  CHECK(job->coalesce == model::Coalesce::never);
}

TEST_CASE("every member of a job is read") {
  const auto job = job_from(R"(,"payload":{"n":1.10},"metadata":{"by":"x"},"delay":"10s","max_attempts":3,"on_failure":"halt",
      "backoff":{"initial":"2s","factor":1.5,"max":"1m","jitter":"none"},"timeout":"PT5M","lease":"15s","coalesce":"once_more",
      "expires_at":"2031-05-04T10:30:00Z")");
  REQUIRE(job.ok());
  CHECK(job->payload == R"({"n":1.10})");
  CHECK(job->metadata == R"({"by":"x"})");
  CHECK(job->delay == 10s);
  CHECK(job->options.max_attempts == 3U);
  CHECK(job->options.on_failure == model::OnFailure::halt);
  CHECK(job->options.backoff == model::Backoff{2s, 1.5, 1min, model::Jitter::none});
  CHECK(job->options.timeout == 5min);
  CHECK(job->options.lease == 15s);
  CHECK(job->coalesce == model::Coalesce::once_more);
  CHECK(job->expires_at.has_value());
}

TEST_CASE("a member that is not known is refused, so that a typing mistake is no silent default") {
  const auto error = refusal(R"(,"max_attemps":3)");
  CHECK(error.pointer == "/max_attemps");
  CHECK(error.detail.find("max_attempts") != std::string::npos);
  CHECK(refusal(R"(,"backoff":{"start":"1s"})").pointer == "/backoff/start");
}

TEST_CASE("a refusal points to the member and says what would be right") {
  const std::pair<const char*, const char*> cases[] = {
      {R"(,"max_attempts":0)", "/max_attempts"},
      {R"(,"max_attempts":1.5)", "/max_attempts"},
      {R"(,"max_attempts":"3")", "/max_attempts"},
      {R"(,"delay":"soon")", "/delay"},
      {R"(,"delay":10)", "/delay"},
      {R"(,"run_at":"2031-05-04T10:30:00Z","delay":"1s")", "/delay"},
      {R"(,"run_at":"2031-05-04","lease":"15s")", "/run_at"},
      {R"(,"run_at":"2031-05-04T10:30:00Z","expires_at":"2031-05-04T10:30:00Z")", "/expires_at"},
      {R"(,"lease":"2999ms")", "/lease"},
      {R"(,"lease":"25h")", "/lease"},
      {R"(,"timeout":"0s")", "/timeout"},
      {R"(,"on_failure":"explode")", "/on_failure"},
      {R"(,"coalesce":true)", "/coalesce"},
      {R"(,"metadata":[1])", "/metadata"},
      {R"(,"traceparent":"00-4bf9-00f0-01")", "/traceparent"},
      {R"(,"backoff":{"factor":0.5})", "/backoff/factor"},
      {R"(,"backoff":{"initial":"2m","max":"1m"})", "/backoff/max"},
      {R"(,"backoff":"fast")", "/backoff"},
      {R"(,"idempotency_key":"k")", "/idempotency_key"},
  };
  for (const auto& [members, pointer] : cases) {
    const auto error = refusal(members);
    CHECK(error.code == Errc::malformed);
    CHECK(error.pointer == pointer);
    CHECK_FALSE(error.detail.empty());
  }
}

TEST_CASE("a missing or impossible subject or kind is refused") {
  auto parse = [](std::string_view text) {
    const auto parsed = json::parse(text);
    REQUIRE(parsed.ok());
    return api::parse_new_job(parsed.value().get_object(), api::KeyPlace::header, {});
  };
  CHECK(parse(R"({"kind":"k"})").error().pointer == "/subject");
  CHECK(parse(R"({"subject":"a:1"})").error().pointer == "/kind");
  CHECK(parse(R"({"subject":"","kind":"k"})").error().pointer == "/subject");
  CHECK(parse(R"({"subject":"a:\u0001","kind":"k"})").error().pointer == "/subject");
  CHECK(parse(fmt::format(R"({{"subject":"{}","kind":"k"}})", repeated('a', 256))).error().pointer == "/subject");
  CHECK(parse(R"({"subject":5,"kind":"k"})").error().pointer == "/subject");
}

TEST_CASE("a payload beyond its limit is too large, not malformed") {
  const auto error = refusal(fmt::format(R"(,"payload":"{}")", repeated('a', model::payload_bytes_max)));
  CHECK(error.code == Errc::too_large);
  CHECK(error.pointer == "/payload");
  CHECK(job_from(fmt::format(R"(,"payload":"{}")", repeated('a', model::payload_bytes_max - 2))).ok());
  CHECK(refusal(fmt::format(R"(,"metadata":{{"a":"{}"}})", repeated('a', model::metadata_bytes_max))).code == Errc::too_large);
}

TEST_CASE("the fingerprint tells requests apart, however their JSON was written") {
  const auto one = job_from(R"(,"payload":{"a":1},"delay":"60s")");
  CHECK(one->fingerprint == job_from(R"(, "delay":"1m", "payload": { "a" : 1 })")->fingerprint);
  CHECK(one->fingerprint != job_from(R"(,"payload":{"a":2},"delay":"60s")")->fingerprint);
  CHECK(one->fingerprint != job_from(R"(,"payload":{"a":1})")->fingerprint);
  CHECK(one->fingerprint != job_from(R"(,"payload":{"a":1},"delay":"60s","max_attempts":10)")->fingerprint);
  CHECK(one->fingerprint == job_from(R"(,"payload":{"a":1},"delay":"60s",
      "traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")")
                                ->fingerprint); // a retry is traced anew
}

TEST_CASE("an item of a batch is refused by itself, with a pointer from the document") {
  const auto parsed =
      json::parse(R"({"jobs":[{"subject":"a:1","kind":"k","idempotency_key":"x"},{"subject":"a:1"},7]})", {.depth = 3});
  const auto batch = api::parse_batch(parsed.value().get_object(), {});
  REQUIRE(batch.ok());
  REQUIRE(batch->size() == 3);
  CHECK((*batch)[0]->key == "x");
  CHECK((*batch)[1].error().pointer == "/jobs/1/kind");
  CHECK((*batch)[2].error().pointer == "/jobs/2");
}

TEST_CASE("a claim names its worker and its kinds") {
  const auto body = claim_from(R"({"worker":"w1","kinds":["a","b"],"max":5,"lease":"10s","wait":"20s"})");
  REQUIRE(body.ok());
  REQUIRE(body->claim.has_value());
  CHECK(body->claim->worker == "w1");
  CHECK(body->claim->kinds == std::vector<std::string>{"a", "b"});
  CHECK(body->claim->max == 5);
  CHECK(body->claim->lease == 10s);
  CHECK(body->claim->wait == 20s);
  CHECK(claim_from(R"({"kinds":["a"]})").error().pointer == "/worker");
  CHECK(claim_from(R"({"worker":"w"})").error().pointer == "/kinds");
  CHECK(claim_from(R"({"worker":"w","kinds":["a"],"wait":"31s"})").error().pointer == "/wait");
  CHECK(claim_from(R"({"worker":"w","kinds":[7]})").error().pointer == "/kinds");
}

TEST_CASE("results and receipts to extend are read one by one") {
  const auto receipt = some_receipt();
  const auto body = claim_from(fmt::format(
      R"({{"worker":"w","max":0,"results":[{{"receipt":"{0}","outcome":"complete","result":{{"n": 1}}}},
         {{"receipt":"{0}","outcome":"fail","error":"no","retry":false}},{{"receipt":"bad","outcome":"release"}},
         {{"receipt":"{0}","outcome":"maybe"}}],"extend":["{0}",5]}})",
      receipt));
  REQUIRE(body.ok());
  CHECK_FALSE(body->claim.has_value());
  REQUIRE(body->answers.size() == 6);
  CHECK(body->results_count == 4);
  CHECK(body->answers[0]->text == R"({"n":1})");
  CHECK(body->answers[1]->verb == actors::Answer::Verb::fail);
  CHECK(body->answers[1]->retry == model::Retry::never);
  CHECK(body->answers[2].error().pointer == "/results/2/receipt");
  CHECK(body->answers[3].error().pointer == "/results/3/outcome");
  CHECK(body->answers[4]->verb == actors::Answer::Verb::heartbeat);
  CHECK(body->answers[5].error().pointer == "/extend/1");
}

TEST_CASE("an answer takes the members of its verb only") {
  auto parse = [](actors::Answer::Verb verb, std::string_view text) {
    const auto parsed = json::parse(text);
    return api::parse_answer(verb, some_receipt(), parsed.value().get_object());
  };
  using Verb = actors::Answer::Verb;
  CHECK(parse(Verb::complete, R"({"result":[1, 2]})")->text == "[1,2]");
  CHECK(parse(Verb::fail, R"({"error":"x","retry_after":"5s"})")->retry_after == 5s);
  CHECK(parse(Verb::fail, R"({"error":"x","retry":false,"retry_after":"5s"})").error().pointer == "/retry_after");
  CHECK(parse(Verb::complete, R"({"error":"x"})").error().pointer == "/error");
  CHECK(parse(Verb::heartbeat, R"({"lease":"5s"})").error().pointer == "/lease");
}

TEST_CASE("an idempotency key may stand in quotes") {
  CHECK(api::idempotency_key("abc").value() == "abc");
  CHECK(api::idempotency_key(R"( "a\"b" )").value() == "a\"b");
  CHECK_FALSE(api::idempotency_key("").ok());
  CHECK_FALSE(api::idempotency_key(R"("")").ok());
  CHECK_FALSE(api::idempotency_key("k\xc3\xa4").ok());
  CHECK_FALSE(api::idempotency_key(repeated('k', 256)).ok());
}

TEST_CASE("only the preference to wait is understood, and bounded") {
  CHECK(api::prefer_wait("wait=20", 30s) == 20s);
  CHECK(api::prefer_wait("respond-async, Wait = 100; x", 30s) == 30s);
  CHECK(api::prefer_wait("return=minimal", 30s) == std::nullopt);
  CHECK(api::prefer_wait("wait=soon", 30s) == std::nullopt);
  CHECK(api::prefer_wait("", 30s) == std::nullopt);
}

TEST_CASE("JSON is application/json in UTF-8") {
  CHECK(api::is_json("application/json"));
  CHECK(api::is_json("Application/JSON; charset=UTF-8"));
  CHECK(api::is_json("application/json;charset=\"utf-8\""));
  CHECK_FALSE(api::is_json("application/json; charset=latin1"));
  CHECK_FALSE(api::is_json("text/json"));
  CHECK_FALSE(api::is_json(""));
}
