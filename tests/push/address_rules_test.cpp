// Row 46 of the fault matrix: where a push may go. No test here opens a connection.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "app/push/address_rules.hpp"

using namespace turnwise::push;

namespace {

Address address(const char* text) {
  return boost::asio::ip::make_address(text);
}

AddressRules allowing(std::initializer_list<const char*> networks) {
  std::vector<Network> parsed;
  for (const auto* network : networks) {
    parsed.push_back(parse_network(network).value());
  }
  return AddressRules(std::move(parsed));
}

} // namespace

TEST_CASE("hosts of the public internet may be reached") {
  const auto* host = GENERATE("8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "198.17.0.1",
                              "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888", "2a00::1");
  CAPTURE(host);
  CHECK(classify(address(host)) == AddressClass::global);
  CHECK_FALSE(AddressRules{}.refusal(address(host), 443));
}

TEST_CASE("row 46: an address that is not of the public internet is refused by default") {
  const auto [host, what] = GENERATE(table<const char*, AddressClass>({
      {"0.0.0.0", AddressClass::no_host},
      {"0.1.2.3", AddressClass::no_host},
      {"10.0.0.1", AddressClass::internal},
      {"100.64.0.1", AddressClass::shared},
      {"100.127.255.255", AddressClass::shared},
      {"127.0.0.1", AddressClass::loopback},
      {"127.255.0.9", AddressClass::loopback},
      {"169.254.169.254", AddressClass::link_local},
      {"172.16.0.1", AddressClass::internal},
      {"172.31.255.255", AddressClass::internal},
      {"192.0.0.170", AddressClass::special},
      {"192.0.2.1", AddressClass::special},
      {"192.88.99.1", AddressClass::special},
      {"192.168.1.1", AddressClass::internal},
      {"198.18.0.1", AddressClass::special},
      {"198.51.100.1", AddressClass::special},
      {"203.0.113.1", AddressClass::special},
      {"224.0.0.1", AddressClass::no_host},
      {"240.0.0.1", AddressClass::no_host},
      {"255.255.255.255", AddressClass::no_host},
      {"::", AddressClass::no_host},
      {"::1", AddressClass::loopback},
      {"::ffff:127.0.0.1", AddressClass::embedding},
      {"::ffff:8.8.8.8", AddressClass::embedding},
      {"::7f00:1", AddressClass::embedding},
      {"64:ff9b::7f00:1", AddressClass::embedding},
      {"64:ff9b:1::a00:1", AddressClass::embedding},
      {"2002:7f00:1::1", AddressClass::embedding},
      {"2001:0:4136:e378:8000:63bf:3fff:fdd2", AddressClass::embedding},
      {"2606:4700::5efe:127.0.0.1", AddressClass::embedding},
      {"2606:4700::200:5efe:10.0.0.1", AddressClass::embedding},
      {"2001:10::1", AddressClass::special},
      {"2001:db8::1", AddressClass::special},
      {"3fff::1", AddressClass::special},
      {"100::1", AddressClass::no_host},
      {"fd00::1", AddressClass::internal},
      {"fec0::1", AddressClass::internal},
      {"fe80::1", AddressClass::link_local},
      {"fe80::1%1", AddressClass::link_local},
      {"ff02::1", AddressClass::no_host},
      {"4000::1", AddressClass::no_host},
  }));
  CAPTURE(host);
  CHECK(in_words(classify(address(host))) == in_words(what));
  CHECK(AddressRules{}.refusal(address(host), 443));
}

TEST_CASE("a network that the node names may be reached, and nothing beside it") {
  const auto rules = allowing({"10.0.0.0/8", "127.0.0.1", "fd00:1::/32"});
  CHECK_FALSE(rules.refusal(address("10.255.0.1"), 443));
  CHECK_FALSE(rules.refusal(address("127.0.0.1"), 443));
  CHECK_FALSE(rules.refusal(address("fd00:1::7"), 443));
  CHECK(rules.refusal(address("127.0.0.2"), 443));
  CHECK(rules.refusal(address("192.168.0.1"), 443));
  CHECK(rules.refusal(address("fd00:2::7"), 443));
  CHECK(rules.refusal(address("::1"), 443));
}

TEST_CASE("where no host can be may not be reached, whatever the node names") {
  const auto rules = allowing({"0.0.0.0/0", "::/0"});
  CHECK(rules.refusal(address("0.0.0.0"), 443));
  CHECK(rules.refusal(address("255.255.255.255"), 443));
  CHECK(rules.refusal(address("::"), 443));
  CHECK(rules.refusal(address("ff02::1"), 443));
}

TEST_CASE("an IPv6 address that stands for an IPv4 one needs both to be allowed") {
  const auto translated = allowing({"64:ff9b::/96"});
  CHECK_FALSE(translated.refusal(address("64:ff9b::8.8.8.8"), 443));
  CHECK(translated.refusal(address("64:ff9b::10.0.0.1"), 443));
  CHECK(allowing({"10.0.0.0/8"}).refusal(address("64:ff9b::10.0.0.1"), 443));
  CHECK_FALSE(allowing({"64:ff9b::/96", "10.0.0.0/8"}).refusal(address("64:ff9b::10.0.0.1"), 443));
  CHECK(allowing({"2002::/16"}).refusal(address("2002:7f00:1::1"), 443));
  CHECK(allowing({"2001::/32"}).refusal(address("2001:0:4136:e378:8000:63bf:80ff:fffe"), 443)); // 127.0.0.1, inverted
}

TEST_CASE("row 46: a node does not push to itself, even where it may push to its own network") {
  const std::vector<Network> loopback{parse_network("127.0.0.0/8").value(), parse_network("::1").value()};
  SECTION("it listens on one address") {
    const AddressRules rules(loopback, {{address("127.0.0.1"), 7171}});
    CHECK(rules.refusal(address("127.0.0.1"), 7171));
    CHECK_FALSE(rules.refusal(address("127.0.0.1"), 7172));
    CHECK_FALSE(rules.refusal(address("127.0.0.2"), 7171));
  }
  SECTION("it listens on all addresses") {
    const AddressRules rules(loopback, {{address("0.0.0.0"), 7171}});
    CHECK(rules.refusal(address("127.0.0.9"), 7171));
    CHECK(rules.refusal(address("::1"), 7171));
    CHECK_FALSE(rules.refusal(address("127.0.0.9"), 7172));
    CHECK_FALSE(rules.refusal(address("8.8.8.8"), 7171));
  }
}

TEST_CASE("what is no network is refused, with what would be one") {
  const auto* text = GENERATE("", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "example.com", "10.0.0.0/", "/8", "10.0.0.0/8/8");
  CAPTURE(text);
  REQUIRE_FALSE(parse_network(text));
  CHECK(parse_network(text).error().detail.find("10.0.0.0/8") != std::string::npos);
}
