#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "app/push/target_url.hpp"

using namespace turnwise::push;

TEST_CASE("a URL has a host and a port, given or not") {
  const auto plain = parse_target("https://Example.com/jobs?a=b", Schemes::https);
  REQUIRE(plain);
  CHECK(plain->host == "example.com");
  CHECK(plain->port == 443);
  CHECK(plain->place() == "example.com:443");
  CHECK(parse_target("https://example.com:8443", Schemes::https)->port == 8443);
  CHECK(parse_target("http://example.com/", Schemes::https_and_http)->port == 80);
  CHECK(parse_target("https://[2606:4700::1111]/", Schemes::https)->host == "2606:4700::1111");
}

TEST_CASE("row 46: an address in another form is the address that it means") {
  const auto* url = GENERATE("https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/",
                             "https://0x7f.0.0.1/", "https://127%2e0.0.1/");
  CAPTURE(url);
  const auto target = parse_target(url, Schemes::https);
  REQUIRE(target);
  CHECK(target->host == "127.0.0.1");
}

TEST_CASE("row 46: forms of URLs that are refused") {
  const auto* url = GENERATE("https://user@example.com/", "https://user:secret@example.com/", "https://@example.com@127.0.0.1/",
                             "file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "ftp://example.com/",
                             "dict://127.0.0.1:11211/", "http://example.com/", "//example.com/", "example.com", "https://",
                             "https:///path", "", "https://example.com/#fragment", "https://[fe80::1%25eth0]/",
                             "https://example.com:0/", "https://example.com:70000/", "https://exa mple.com/",
                             "https://example.com/\r\nHost: other", "https://ex\xc3\xa4mple.com/", "javascript:alert(1)");
  CAPTURE(url);
  const auto target = parse_target(url, Schemes::https);
  REQUIRE_FALSE(target);
  CHECK_FALSE(target.error().detail.empty());
}

TEST_CASE("a URL has a bounded length") {
  CHECK(parse_target("https://example.com/" + std::string(url_bytes_max - 20, 'a'), Schemes::https));
  CHECK_FALSE(parse_target("https://example.com/" + std::string(url_bytes_max - 19, 'a'), Schemes::https));
}
