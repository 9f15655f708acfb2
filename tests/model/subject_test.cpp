// Subjects, kinds, UTF-8 and the hash.
#include <catch2/catch_test_macros.hpp>

#include <string>

#include "model/limits.hpp"
#include "model/subject.hpp"

namespace turnwise::model {

namespace {
const std::string replacement = "\xEF\xBF\xBD";
}

TEST_CASE("a subject is a type and an id") {
  CHECK(check_subject("artifact:123"));
  CHECK(check_subject("customer:eu-42"));
  CHECK(check_subject("file:src/with spaces/ärger:1.c"));
  CHECK(check_subject("a:b"));
  CHECK_FALSE(check_subject(""));
  CHECK_FALSE(check_subject("artifact"));
  CHECK_FALSE(check_subject(":123"));
  CHECK_FALSE(check_subject("artifact:"));
}

TEST_CASE("a subject has at most 255 bytes") {
  CHECK(check_subject("s:" + std::string(subject_bytes_max - 2, 'x')));
  const auto longer = check_subject("s:" + std::string(subject_bytes_max - 1, 'x'));
  REQUIRE_FALSE(longer);
  CHECK(longer.error().code == Errc::malformed);
  CHECK(longer.error().pointer == "/subject");
  CHECK(longer.error().detail.find("256 bytes") != std::string::npos);
}

TEST_CASE("names have no control characters") {
  CHECK_FALSE(check_subject("a:b\n"));
  CHECK_FALSE(check_subject(std::string_view{"a:\0b", 4}));
  CHECK_FALSE(check_subject("a:\x7F"));
  CHECK_FALSE(check_subject("a:\xC2\x85")); // U+0085, next line
  CHECK(check_subject("a:\xC2\xA0"));
  CHECK_FALSE(check_kind("build\t"));
}

TEST_CASE("a kind has 1 to 128 bytes of UTF-8") {
  CHECK(check_kind("expire_build_artifacts"));
  CHECK(check_kind(std::string(kind_bytes_max, 'k')));
  CHECK_FALSE(check_kind(std::string(kind_bytes_max + 1, 'k')));
  CHECK_FALSE(check_kind(""));
  const auto broken = check_kind("k\xFF");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().pointer == "/kind");
  CHECK(broken.error().detail.find("byte 1") != std::string::npos);
}

TEST_CASE("UTF-8 is strict") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("plain"));
  CHECK(is_utf8("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\xF1\x80\x80\x80\xF4\x8F\xBF\xBF"));
  for (const char* broken :
       {"\x80", "\xBF", "\xC0\xAF", "\xC1\xBF", "\xC3", "\xC3x", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xE2\x82",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF"}) {
    CAPTURE(std::string{broken});
    CHECK_FALSE(is_utf8(broken));
    CHECK_FALSE(is_utf8(std::string{"before"} + broken + "after"));
  }
}

TEST_CASE("broken text becomes well-formed text") {
  CHECK(to_utf8("plain \xC3\xA4", 100) == "plain \xC3\xA4");
  CHECK(to_utf8("a\xFFz", 100) == "a" + replacement + "z");
  CHECK(to_utf8(std::string_view{"a\0z", 3}, 100) == "a" + replacement + "z");
  CHECK(to_utf8("\xE2\x82z", 100) == replacement + "z");                          // one mark for a character cut short
  CHECK(to_utf8("\xED\xA0\x80", 100) == replacement + replacement + replacement); // a surrogate is no character
}

TEST_CASE("text is cut at the border of a character") {
  CHECK(to_utf8("a\xE2\x82\xAC", 4) == "a\xE2\x82\xAC");
  CHECK(to_utf8("a\xE2\x82\xAC", 3) == "a");
  CHECK(to_utf8("\xFF\xFF", 5) == replacement);
  CHECK(to_utf8("abc", 0).empty());
}

TEST_CASE("the shard of a subject is that of sha256sum") {
  // printf artifact:123 | sha256sum, the first 16 digits as a number
  CHECK(fingerprint_of("artifact:123") == 0xc5da506950e87ca1ULL);
  CHECK(fingerprint_of("") == 0xe3b0c44298fc1c14ULL);
  CHECK(shard_of("artifact:123", 256) == ShardId{0xc5da506950e87ca1ULL % 256});
  CHECK(shard_of("artifact:123", 1'000) == ShardId{0xc5da506950e87ca1ULL % 1'000});
  CHECK(shard_of("pipeline:7", 256) == ShardId{0x043c2b46acae1476ULL % 256});
  CHECK(shard_of("customer:eu-42", 1) == ShardId{0});
}

} // namespace turnwise::model
