// The format of the journal's detail column. It is for ever: a text here that has to change is a format that has changed.
#include "storage/record_codec.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

namespace turnwise::storage {
namespace {

constexpr model::WallTime noon{std::chrono::microseconds{1'767'268'800'123'456}};

std::string detail_of(model::RecordBody body) {
  RecordColumns columns;
  encode({.entry = model::EntryNumber{1}, .at = noon, .body = std::move(body)}, columns);
  return columns.detail;
}

model::Result<model::Record> decode_event(model::Event event, std::string_view detail) {
  return decode({.entry = 7,
                 .sequence = 8,
                 .at_us = noon.time_since_epoch().count(),
                 .event = static_cast<std::int16_t>(event),
                 .subject = {},
                 .kind = {},
                 .key = {},
                 .detail = detail,
                 .payload = {}});
}

TEST_CASE("the format of a submitted job with everything set") {
  const model::Submitted job{.subject = "s:1",
                             .kind = "k",
                             .key = "key",
                             .fingerprint = 0xab,
                             .options = {.max_attempts = 3,
                                         .backoff = model::Backoff{.factor = 1.1},
                                         .on_failure = model::OnFailure::halt,
                                         .timeout = std::chrono::seconds{1},
                                         .lease = std::chrono::seconds{5}},
                             .run_at = noon,
                             .expires_at = noon,
                             .metadata = R"({"a": "b"})",
                             .payload = "{}",
                             .traceparent = "00-4bf9-00f0-01"};
  CHECK(detail_of(job) == R"({"fingerprint":"ab","max_attempts":3,)"
                          R"("backoff":{"initial_ms":1000,"factor":"1.1","max_ms":600000,"jitter":"full"},"on_failure":"halt",)"
                          R"("timeout_ms":1000,"lease_ms":5000,"run_at":1767268800123456,"expires_at":1767268800123456,)"
                          R"("metadata":"{\"a\": \"b\"}","traceparent":"00-4bf9-00f0-01"})");
}

TEST_CASE("the format of a start leaves out what is as usual") {
  model::Started start{.attempt = model::Attempt{2}, .nonce = {}, .worker = "w", .policy = unstated_policy};
  CHECK(detail_of(start) == R"({"attempt":2,"nonce":"00000000-0000-0000-0000-000000000000","worker":"w"})");
  start.policy.max_attempts = 1;
  start.policy.backoff.max = std::chrono::milliseconds{5};
  start.policy.timeout = std::chrono::milliseconds{6};
  CHECK(detail_of(start) == R"({"attempt":2,"nonce":"00000000-0000-0000-0000-000000000000","worker":"w","max_attempts":1,)"
                            R"("backoff":{"max_ms":5},"timeout_ms":6})");
}

TEST_CASE("the format of a turn that was claimed with a token names its owner") {
  const model::Started start{
      .attempt = model::Attempt{2}, .nonce = {}, .worker = "w", .policy = unstated_policy, .claimant = "ann"};
  CHECK(detail_of(start) == R"({"attempt":2,"nonce":"00000000-0000-0000-0000-000000000000","worker":"w","claimant":"ann"})");
  CHECK(detail_of(model::Held{"s:1", "web-1", std::chrono::seconds{1}, "ann"}) ==
        R"({"owner":"web-1","ttl_ms":1000,"claimant":"ann"})");
}

TEST_CASE("the format of the ends of an attempt") {
  const model::Attempt first{1};
  CHECK(detail_of(model::Succeeded{first, "{}"}) == R"({"attempt":1})");
  CHECK(detail_of(model::Released{first}) == R"({"attempt":1})");
  CHECK(detail_of(model::Released{first, noon}) == R"({"attempt":1,"retry_at":1767268800123456})");
  CHECK(detail_of(model::AttemptFailed{first, model::FailureCause::failed, model::JobState::retrying, noon, "no"}) ==
        R"({"attempt":1,"next":"retrying","retry_at":1767268800123456})");
}

TEST_CASE("events that say it all have no detail") {
  CHECK(detail_of(model::Due{}).empty());
  CHECK(detail_of(model::CancelRequested{}).empty());
  CHECK(detail_of(model::Cancelled{}).empty());
  CHECK(detail_of(model::Retried{}).empty());
  CHECK(detail_of(model::WaitExpired{}).empty());
  CHECK(detail_of(model::Replaced{}).empty());
}

TEST_CASE("members that a newer version wrote are passed over") {
  const auto record = decode_event(model::Event::succeeded, R"({"attempt":1,"later":{"x":[1,2]}})");
  REQUIRE(record.ok());
  CHECK(std::get<model::Succeeded>(record->body).attempt == model::Attempt{1});
}

TEST_CASE("what a start leaves out means the same for ever, whatever kinds get by default") {
  const auto record = decode_event(model::Event::started, R"({"attempt":1,"nonce":"00000000-0000-0000-0000-000000000000"})");
  REQUIRE(record.ok());
  CHECK(std::get<model::Started>(record->body).policy == unstated_policy);
}

TEST_CASE("a row that this version cannot read is an error that names it") {
  const auto [event, detail] = GENERATE(table<int, std::string>({
      {3, "{}"},
      {4, "not JSON"},
      {4, "[]"},
      {4, R"({"attempt":-1})"},
      {4, R"({"attempt":"1"})"},
      {5, R"({"attempt":1,"next":"elsewhere"})"},
      {1, R"({"fingerprint":"xyz"})"},
      {1, R"({"on_failure":"explode"})"},
      {99, ""},
  }));
  CAPTURE(event, detail);
  const auto record = decode_event(static_cast<model::Event>(event), detail);
  REQUIRE_FALSE(record.ok());
  CHECK(record.error().code == model::Errc::internal);
  CHECK(record.error().detail.find("entry 7, sequence 8") != std::string::npos);
}

} // namespace
} // namespace turnwise::storage
