#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "app/push/verdict.hpp"

using namespace turnwise::push;
using namespace turnwise::handlers;
using namespace std::chrono_literals;

namespace {

template <class Wanted>
Wanted get(const Outcome& outcome) {
  REQUIRE(std::holds_alternative<Wanted>(outcome));
  return std::get<Wanted>(outcome);
}

constexpr std::int64_t noon = 1'445'412'480; // Wed, 21 Oct 2015 07:28:00 GMT

} // namespace

TEST_CASE("any 2xx but 202 is a success, with the body as the result") {
  const int status = GENERATE(200, 201, 203, 204, 299);
  CHECK(get<Success>(outcome_of({status, "", R"({"n":1})"})).result == R"({"n":1})");
}

TEST_CASE("202 hands the attempt over") {
  get<HandedOver>(outcome_of({202, "", "later"}));
}

TEST_CASE("410 says that nobody wants the kind any more") {
  CHECK(get<Gone>(outcome_of({410, "", "moved away"})).why == "answered 410: moved away");
}

TEST_CASE("429 and 503 with Retry-After put the job off") {
  const int status = GENERATE(429, 503);
  CHECK(get<Later>(outcome_of({status, "120", ""})).after == 120s);
  CHECK(get<RetryLater>(outcome_of({status, "", ""})).error == "answered " + std::to_string(status));
  get<RetryLater>(outcome_of({status, "soon", ""}));
}

TEST_CASE("other statuses of 4xx fail for good, but for those that say that another time may do") {
  get<GiveUp>(outcome_of({GENERATE(400, 401, 403, 404, 405, 413, 422, 451, 499), "120", ""}));
  get<RetryLater>(outcome_of({GENERATE(408, 425), "120", ""}));
}

TEST_CASE("redirects, faults of the server and what is no status are tried again") {
  const int status = GENERATE(0, 101, 300, 301, 302, 307, 308, 500, 502, 504, 599, 600, 999);
  CAPTURE(status);
  const auto later = get<RetryLater>(outcome_of({status, "120", "no\nmore"}));
  CHECK(later.error.find("answered " + std::to_string(status) + ": no") == 0);
  CHECK(later.error.find("more") == std::string::npos);
  CHECK_FALSE(later.after); // the policy's own
}

TEST_CASE("an answer's words go into the error, whatever bytes they are, up to a bound") {
  CHECK(get<GiveUp>(outcome_of({400, "", "\xff\x00no"})).error.find("answered 400: ") == 0);
  CHECK(get<GiveUp>(outcome_of({400, "", std::string(100'000, 'x')})).error.size() < 600);
}

TEST_CASE("Retry-After is read as seconds or as a date, within bounds") {
  CHECK(parse_retry_after("30", noon) == 30s);
  CHECK(parse_retry_after(" 30 ", noon) == 30s);
  CHECK(parse_retry_after("0", noon) == 1s);
  CHECK(parse_retry_after("1000000000", noon) == 24h);
  CHECK(parse_retry_after("99999999999999999999999", noon) == 24h);
  CHECK(parse_retry_after("Wed, 21 Oct 2015 07:28:30 GMT", noon) == 30s);
  CHECK(parse_retry_after("Wed, 21 Oct 2015 07:00:00 GMT", noon) == 1s);
  CHECK_FALSE(parse_retry_after("", noon));
  CHECK_FALSE(parse_retry_after("-5", noon));
  CHECK_FALSE(parse_retry_after("soon", noon));
}
