// Rows 39 and 40 of the fault matrix: what JSON is taken, and that the rest is refused without harm.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "app/json/parse.hpp"
#include "app/json/writer.hpp"

using namespace turnwise;

namespace {

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += text;
  }
  return out;
}

model::Error refusal(std::string_view text) {
  const auto parsed = json::parse(text);
  INFO(text.substr(0, 200));
  REQUIRE_FALSE(parsed.ok());
  CHECK(parsed.error().code == model::Errc::malformed);
  return parsed.error();
}

std::string payload_of(std::string_view text) {
  const auto parsed = json::parse(text);
  REQUIRE(parsed.ok());
  const auto& payload = parsed.value().get_object().at("payload").get_string();
  return {payload.data(), payload.size()};
}

} // namespace

TEST_CASE("an opaque member keeps every number as it was written") {
  CHECK(payload_of(R"({"payload":{"n": 12345678901234567890, "price":1.10 , "e":1E+2,"z":-0}})") ==
        R"({"n":12345678901234567890,"price":1.10,"e":1E+2,"z":-0})");
  CHECK(payload_of(R"({"payload":123456789012345678901234567890})") == "123456789012345678901234567890");
}

TEST_CASE("an opaque member keeps its members in their order, and loses only white space and needless escapes") {
  CHECK(payload_of(R"({"payload": [ 1, {"b" : [ ] , "a":{ } }, "x\u0041\/\n", true, null ]})") ==
        R"([1,{"b":[],"a":{}},"xA/\n",true,null])");
  CHECK(payload_of(R"({"payload":"text"})") == R"("text")");
  CHECK(payload_of(R"({"payload":{"payload":{"result":1}}})") == R"({"payload":{"result":1}})");
  CHECK(payload_of(R"({"payload":"\ud83d\ude00"})") == "\"\U0001F600\"");
}

TEST_CASE("members are opaque only at the depth that was asked for") {
  const auto parsed = json::parse(R"({"jobs":[{"payload":{"a": 1}}],"payload":{"b":2}})", {.depth = 3});
  REQUIRE(parsed.ok());
  const auto& document = parsed.value().get_object();
  CHECK(document.at("jobs").at(0).at("payload").get_string() == R"({"a":1})");
  CHECK(document.at("payload").at("b").get_int64() == 2);
}

TEST_CASE("row 39: invalid UTF-8, lone surrogates and NUL are refused") {
  refusal("{\"a\":\"\xff\"}");
  refusal("{\"a\":\"\xc0\x80\"}");
  refusal("{\"a\":\"\xed\xa0\x80\"}");
  refusal("{\"a\":\"\xf4\x90\x80\x80\"}");
  refusal("{\"\xc3\":1}");
  refusal(R"({"a":"\ud800"})");
  refusal(R"({"a":"\udc00"})");
  refusal(R"({"a":"\ud800\u0041"})");
  CHECK(refusal(R"({"a":{"b":["x","\u0000"]}})").pointer == "/a/b/1");
  refusal(R"({"a\u0000b":1})");
  refusal(R"({"payload":"\u0000"})");
  refusal(std::string_view{"{\"a\":\"\0\"}", 9});
}

TEST_CASE("row 40: a document nested 20,000 levels deep is refused without harm") {
  CHECK(refusal(repeated("[", 20'000)).detail.find("64") != std::string::npos);
  refusal(R"({"payload":)" + repeated("[", 20'000));
  CHECK(json::parse(repeated("[", 64) + repeated("]", 64)).ok());
  refusal(repeated("[", 65) + repeated("]", 65));
}

TEST_CASE("row 40: a million keys are read in reasonable time") {
  std::string text = R"({"payload":{)";
  for (int i = 0; i < 1'000'000; ++i) {
    text += fmt::format("\"{}\":0,", i);
  }
  text.back() = '}';
  CHECK(json::parse(text + "}").ok());
}

TEST_CASE("row 40: a key that occurs twice is refused, with a pointer to it") {
  CHECK(refusal(R"({"a":1,"b":2,"a":3})").pointer == "/a");
  CHECK(refusal(R"({"payload":{"x":[{"k/~":1,"\u006b/~":2}]}})").pointer == "/payload/x/0/k~1~0");
  CHECK(json::parse(R"([{"a":1},{"a":2}])").ok());
}

TEST_CASE("row 40: a number that no double can hold is refused") {
  CHECK(refusal(R"({"a":1e400})").pointer == "/a");
  refusal(R"({"payload":-1e400})");
  refusal(R"({"payload":1e99999999999})");
}

TEST_CASE("what is not JSON is refused, with the byte") {
  for (const auto* text :
       {"", " ", "{", "{\"a\":1}x", "{} {}", "{\"a\":01}", "{\"a\":1,}", "[1 2]", "{a:1}", "'a'", "nul", "NaN", "{\"a\":.5}",
        "{\"a\":+1}", "\"tab\there\"", "// c\n{}", "\xef\xbb\xbf{}", "{\"a\":\"\\x41\"}"}) {
    refusal(text);
  }
  CHECK(refusal("{\"a\":[1,2,tru]}").pointer == "/a/2");
  CHECK(refusal("{}x").detail.find("byte 2") != std::string::npos);
}

TEST_CASE("strings are written so that every reader understands them") {
  std::string out;
  json::append_string(out, "a\"b\\c\n\t\x01\x1f\u00e9");
  CHECK(out == "\"a\\\"b\\\\c\\n\\t\\u0001\\u001f\u00e9\"");
}

TEST_CASE("commas go where they belong") {
  json::Writer writer;
  writer.begin_object().member("a", 1).key("b").begin_array().number(1).null().begin_object().end_object().end_array();
  writer.member("c", true).end_object();
  CHECK(std::move(writer).take() == R"({"a":1,"b":[1,null,{}],"c":true})");
}

TEST_CASE("a text of many small values is refused before they take much memory") {
  auto zeros = [](std::size_t count) {
    std::string text = "0";
    for (std::size_t i = 1; i < count; ++i) {
      text += ",0";
    }
    return "[" + text + "]";
  };
  CHECK(json::parse(zeros(json::array_items_max)).ok());
  CHECK(json::parse(zeros(json::array_items_max + 1)).error().code == model::Errc::too_large);
  std::string nested = zeros(json::array_items_max);
  for (std::size_t i = 0; i < json::values_max / json::array_items_max; ++i) {
    nested += "," + zeros(json::array_items_max);
  }
  CHECK(json::parse("[" + nested + "]").error().code == model::Errc::too_large);
  CHECK(json::parse(R"({"payload":)" + zeros(json::array_items_max + 1) + "}").ok()); // the user's own
}
