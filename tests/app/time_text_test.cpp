#include <catch2/catch_test_macros.hpp>

#include "app/api/time_text.hpp"

using namespace turnwise::api;
using namespace std::chrono_literals;

TEST_CASE("durations are a number with a unit, or ISO 8601") {
  CHECK(parse_duration("10s") == 10s);
  CHECK(parse_duration("1500ms") == 1500ms);
  CHECK(parse_duration("5m") == 5min);
  CHECK(parse_duration("1h") == 1h);
  CHECK(parse_duration("2d") == 48h);
  CHECK(parse_duration("0s") == 0ms);
  CHECK(parse_duration("PT10S") == 10s);
  CHECK(parse_duration("PT1H30M") == 90min);
  CHECK(parse_duration("P1DT0.25S") == 24h + 250ms);
  CHECK(parse_duration("P2D") == 48h);
}

TEST_CASE("what is no duration is not guessed at") {
  for (const auto* text :
       {"",        "10",      "s",    "-1s", "+1s",    "1.5s", "10 s",   "10S",   "1h30",   "1w",
        "P",       "PT",      "P1DT", "PT5", "PT1M1H", "P1Y",  "PT1S1S", "PT.5S", "PT1.5H", "99999999999999999999s",
        "36600d1", "9999999d"}) {
    INFO(text);
    CHECK_FALSE(parse_duration(text).has_value());
  }
}

TEST_CASE("durations are written in the largest unit that divides them") {
  CHECK(to_text(0ms) == "0s");
  CHECK(to_text(1500ms) == "1500ms");
  CHECK(to_text(90s) == "90s");
  CHECK(to_text(2min) == "2m");
  CHECK(to_text(3h) == "3h");
  CHECK(for_people(12'400ms) == "12 s");
  CHECK(for_people(-5ms) == "0 ms");
  CHECK(for_people(150s) == "2 min");
}

TEST_CASE("moments are RFC 3339 with any offset") {
  const auto noon = parse_time("2030-01-01T12:00:00Z");
  REQUIRE(noon.has_value());
  CHECK(noon->time_since_epoch() == 1'893'499'200s);
  CHECK(parse_time("2030-01-01t13:00:00+01:00") == noon);
  CHECK(parse_time("2030-01-01 06:30:00-05:30") == noon);
  CHECK(parse_time("2030-01-01T12:00:00.123456789Z") == *noon + 123456us);
  CHECK(parse_time("2016-12-31T23:59:60Z") == parse_time("2017-01-01T00:00:00Z"));
  CHECK(to_text(*noon + 5us) == "2030-01-01T12:00:00.000005Z");
  CHECK(parse_time("1969-12-31T23:59:59Z")->time_since_epoch() == -1s);
}

TEST_CASE("what is no moment is not guessed at") {
  for (const auto* text : {"", "2030-01-01", "2030-01-01T12:00:00", "2030-02-30T12:00:00Z", "2030-13-01T12:00:00Z",
                           "2030-01-01T24:00:00Z", "2030-01-01T12:60:00Z", "2030-01-01T12:00:61Z", "2030-1-1T12:00:00Z",
                           "2030-01-01T12:00:00.Z", "2030-01-01T12:00:00Zx", "2030-01-01T12:00:00+1:00", "tomorrow"}) {
    INFO(text);
    CHECK_FALSE(parse_time(text).has_value());
  }
}
