#include <catch2/catch_test_macros.hpp>

#include "app/json/parse.hpp"
#include "app/logging/logging.hpp"

using namespace turnwise::logging;

TEST_CASE("a line for a machine has the event and each key as a member") {
  CHECK(format_line(Format::json, "T", "info", R"(job-failed subject=artifact:1 error="disk "full" now" attempt=2)") ==
        R"({"time":"T","level":"info","event":"job-failed","subject":"artifact:1","error":"disk \"full\" now","attempt":"2"})");
  CHECK(format_line(Format::json, "T", "warn", "node-draining") == R"({"time":"T","level":"warn","event":"node-draining"})");
}

TEST_CASE("a value in quotes stays one value, whatever stands in it") {
  for (const auto* value : {R"(a:" job="x" y)", R"(a:\)", R"(a:\" b="c)", "a:\n", "a: b=c", ""}) {
    const auto line = format_line(Format::json, "T", "info", "e subject=" + quoted(value) + " job=1");
    INFO(line);
    const auto parsed = turnwise::json::parse(line);
    REQUIRE(parsed.ok());
    CHECK(parsed.value().at("subject") == value);
    CHECK(parsed.value().at("job") == "1");
    CHECK(parsed.value().get_object().size() == 5);
  }
}

TEST_CASE("what is not key=value stays a text") {
  CHECK(format_line(Format::json, "T", "info", "event and some words") ==
        R"({"time":"T","level":"info","event":"event","text":"and some words"})");
  CHECK(format_line(Format::json, "T", "info", "event key=\"") == R"({"time":"T","level":"info","event":"event","key":""})");
}

TEST_CASE("a line stays one line, whatever stands in it") {
  CHECK(format_line(Format::text, "T", "info", "event error=\"a\nb\x1b[0m\"") == "T info    event error=\"a\\nb\\x1b[0m\"");
  CHECK(format_line(Format::json, "T", "info", "event error=\"a\nb\"").find('\n') == std::string::npos);
}
