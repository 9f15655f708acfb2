// Values to the JSON of the API and back.
#include <chrono>

#include <catch2/catch_test_macros.hpp>

#include "app/client/wire.hpp"

namespace turnwise::client::wire {

using model::Errc;

TEST_CASE("durations are read in every form that the API writes") {
  CHECK(decode_duration("10s") == milliseconds{10'000});
  CHECK(decode_duration("1500ms") == milliseconds{1'500});
  CHECK(decode_duration("5m") == milliseconds{300'000});
  CHECK(decode_duration("1h") == milliseconds{3'600'000});
  CHECK(decode_duration("2d") == milliseconds{172'800'000});
  CHECK(decode_duration("PT10S") == milliseconds{10'000});
  for (const auto* bad : {"", "s", "10", "10x", "-1s", "PT", "PT1ms"}) {
    INFO(bad);
    CHECK_FALSE(decode_duration(bad));
  }
}

TEST_CASE("a job's own options are sent, and nothing that was not said") {
  NewJob job;
  job.subject = "artifact:1";
  job.kind = "build_coverage";
  CHECK(encode(job) == R"({"subject":"artifact:1","kind":"build_coverage"})");
  job.options.max_attempts = 3;
  job.options.on_failure = model::OnFailure::halt;
  job.options.lease = milliseconds{3'000};
  job.options.backoff = model::Backoff{milliseconds{50}, 2.0, milliseconds{500}, model::Jitter::none};
  job.idempotency_key = "k";
  job.run_at = model::WallTime{std::chrono::sys_days{std::chrono::year{2031} / 5 / 4}} + std::chrono::hours{10};
  const auto text = encode_batch(std::span{&job, 1});
  CHECK(text ==
        R"({"jobs":[{"subject":"artifact:1","kind":"build_coverage","idempotency_key":"k",)"
        R"("run_at":"2031-05-04T10:00:00.000000Z","max_attempts":3,)"
        R"("backoff":{"initial":"50ms","factor":2E0,"max":"500ms","jitter":"none"},"on_failure":"halt","lease":"3000ms"}]})");
}

TEST_CASE("a claim carries results and leases to extend") {
  ClaimRequest request;
  request.worker = "w";
  request.kinds = {"a", "b"};
  request.max = 5;
  request.wait = milliseconds{20};
  request.results = {{"r1", Answer::Outcome::complete, R"({"x":1})", {}, true, {}},
                     {"r2", Answer::Outcome::fail, {}, "no \"luck\"", false, {}},
                     {"r3", Answer::Outcome::fail, {}, "later", true, milliseconds{100}},
                     {"r4", Answer::Outcome::release, {}, {}, true, {}}};
  request.extend = {"r5"};
  CHECK(encode(request) == R"({"worker":"w","kinds":["a","b"],"max":5,"wait":"20ms","results":[)"
                           R"({"receipt":"r1","outcome":"complete","result":{"x":1}},)"
                           R"({"receipt":"r2","outcome":"fail","error":"no \"luck\"","retry":false},)"
                           R"({"receipt":"r3","outcome":"fail","error":"later","retry":true,"retry_after":"100ms"},)"
                           R"({"receipt":"r4","outcome":"release"}],"extend":["r5"]})");
}

TEST_CASE("items of a batch are accepted or refused one by one") {
  const auto batch =
      decode_batch(R"({"results":[{"status":201,"id":"j1","disposition":"accepted"},)"
                   R"({"status":400,"problem":{"type":"/problems/malformed","status":400,"detail":"no subject"}}]})",
                   2);
  REQUIRE(batch);
  CHECK(batch->at(0)->id == "j1");
  REQUIRE_FALSE(batch->at(1));
  CHECK(batch->at(1).error().code == Errc::malformed);
  CHECK(batch->at(1).error().detail == "no subject");
  CHECK_FALSE(decode_batch(R"({"results":[]})", 2));
  CHECK_FALSE(decode_batch("nonsense", 0));
}

TEST_CASE("a lease counts from the moment at which the claim was sent, plus the time it waited at the node") {
  const auto sent_at = std::chrono::steady_clock::time_point{} + std::chrono::hours{1};
  const auto claimed =
      decode_claimed(R"({"waited_ms":250,"drain":true,"claims":[{"receipt":"r","job":"j","subject":"a:1","kind":"k",)"
                     R"("payload":{"b":[1,"x"]},"attempt":2,"fencing_token":"18446744073709551615","lease":"3s"}]})",
                     {}, sent_at);
  REQUIRE(claimed);
  REQUIRE(claimed->grants.size() == 1);
  const auto& grant = claimed->grants.front();
  CHECK(grant.deadline == sent_at + milliseconds{3'250});
  CHECK(grant.fencing_token == 18446744073709551615U);
  CHECK(grant.attempt == 2);
  CHECK(grant.payload == R"({"b":[1,"x"]})");
  CHECK(claimed->drain);
  CHECK_FALSE(claimed->refused);
}

TEST_CASE("results are answered one by one, also when there is no work to give") {
  ClaimRequest request;
  request.results.resize(2);
  request.extend = {"r3"};
  const auto claimed =
      decode_claimed(R"({"waited_ms":0,"claims":[],"claim_problem":{"type":"/problems/unavailable","status":503},)"
                     R"("results":[{"receipt":"r1","status":200,"state":"succeeded"},)"
                     R"({"receipt":"r2","status":412,"problem":{"type":"/problems/stale-fence","status":412}}],)"
                     R"("extended":[{"receipt":"r3","status":200,"lease":"30s","cancel":true,"drain":false}]})",
                     request, {});
  REQUIRE(claimed);
  CHECK(claimed->refused->code == Errc::unavailable);
  CHECK(claimed->results.at(0)->state == "succeeded");
  CHECK(claimed->results.at(1).error().code == Errc::stale_fence);
  CHECK(claimed->extended.at(0)->lease == milliseconds{30'000});
  CHECK(claimed->extended.at(0)->cancel);
  CHECK_FALSE(decode_claimed(R"({"claims":[],"results":[]})", request, {}));
}

TEST_CASE("a failed job says why") {
  const auto job = decode_job(
      R"({"id":"j","subject":"a:1","kind":"k","state":"parked","attempt":3,"attempts":[{"error":"first"},{"error":"last"}]})");
  REQUIRE(job);
  CHECK(job->error == "last");
  CHECK_FALSE(job->final());
  CHECK(decode_job(R"({"id":"j","state":"failed","failure":"expired"})")->error == "expired");
}

} // namespace turnwise::client::wire
