// Row 46 of the fault matrix: addresses that a push must never connect to. "Never" is seen by a socket that listens there.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <catch2/generators/catch_generators.hpp>

#include "app/push/transfer.hpp"
#include "tests/push/post_office.hpp"

using namespace turnwise;
using namespace turnwise::push;
using namespace turnwise::push::testing;

namespace {

/// As a node is without any configuration, but for plain http.
CourierConfig closed_config() {
  CourierConfig config;
  config.transfers.schemes = Schemes::https_and_http;
  return config;
}

Lookup always(std::vector<const char*> addresses) {
  return [addresses](const std::string&) -> model::Result<std::vector<Address>> {
    std::vector<Address> made;
    for (const auto* address : addresses) {
      made.push_back(boost::asio::ip::make_address(address));
    }
    return made;
  };
}

bool is_blocked(Underway underway) {
  const auto error = underway.wait_for<handlers::GiveUp>().error;
  INFO(error);
  return error.starts_with("blocked_destination: ");
}

} // namespace

TEST_CASE("row 46: no connection is made to loopback, however its address is written") {
  const auto* host =
      GENERATE("127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0.0.0.0", "0", "[::1]",
               "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "127.0.0.1.");
  CAPTURE(host);
  Receiver receiver(answer(200));
  PostOffice office(closed_config());
  auto underway = office.send_to(receiver.url("http", host));
  const auto outcome = underway.wait();
  CHECK_FALSE(std::holds_alternative<handlers::Success>(outcome));
  if (const auto* never = std::get_if<handlers::GiveUp>(&outcome)) {
    CHECK(never->error.starts_with("blocked_destination: "));
  } else {
    CHECK(std::get<handlers::RetryLater>(outcome).error.starts_with("cannot look up ")); // no address at all
  }
  CHECK(receiver.connections() == 0);
}

TEST_CASE("row 46: addresses of the inside are refused before anything is sent there") {
  const auto* host = GENERATE("169.254.169.254", "100.64.0.1", "10.0.0.1", "192.168.0.1", "172.16.0.1", "[fd00::1]",
                              "[fe80::1]", "[2002:7f00::]", "224.0.0.1", "255.255.255.255");
  CAPTURE(host);
  PostOffice office(closed_config());
  CHECK(is_blocked(office.send_to("http://" + std::string{host} + "/")));
}

TEST_CASE("row 46: one address of a name that may not be reached is enough") {
  Receiver receiver(answer(200));
  auto config = open_config(); // 127.0.0.1 may be reached
  SECTION("the first") {
    config.lookup = always({"127.0.0.2", "127.0.0.1"});
  }
  SECTION("the last") {
    config.lookup = always({"127.0.0.1", "169.254.169.254"});
  }
  PostOffice office(std::move(config));
  CHECK(is_blocked(office.send_to(receiver.url("http", "example.test"))));
  CHECK(receiver.connections() == 0);
}

TEST_CASE("row 46: a name that leads inside when it is dialled, whatever it was before, is refused") {
  Receiver receiver(answer(200));
  auto config = closed_config();
  auto calls = std::make_shared<std::atomic<int>>(0);
  config.lookup = [calls](const std::string&) -> model::Result<std::vector<Address>> {
    ++*calls;
    return std::vector<Address>{boost::asio::ip::make_address("127.0.0.1")};
  };
  PostOffice office(std::move(config));
  CHECK(is_blocked(office.send_to(receiver.url("http", "rebound.test"))));
  CHECK(*calls == 1);
  CHECK(receiver.connections() == 0);
}

TEST_CASE("row 46: the connection goes to the address that was looked up, under the name that was asked for") {
  Receiver receiver(answer(200));
  auto config = open_config();
  auto calls = std::make_shared<std::atomic<int>>(0);
  config.lookup = [calls](const std::string&) -> model::Result<std::vector<Address>> {
    ++*calls;
    return std::vector<Address>{boost::asio::ip::make_address("127.0.0.1")};
  };
  PostOffice office(std::move(config));
  auto underway = office.send_to(receiver.url("http", "example.test")); // which nobody else knows
  underway.wait_for<handlers::Success>();
  CHECK(*calls == 1);
  CHECK(receiver.next().field("Host") == "example.test:" + std::to_string(receiver.port()));
}

TEST_CASE("row 46: whatever libcurl makes of a host, it gets no socket to where a push may not go") {
  TransferSettings settings;
  settings.schemes = Schemes::https_and_http;
  const auto url = parse_target("http://example.test/", Schemes::https_and_http).value();
  Transfer transfer(settings, delivery(target(url.text)), url, {boost::asio::ip::make_address("8.8.8.8")}, {}, patience);
  REQUIRE(transfer.handle() != nullptr);
  curl_sockaddr place{};
  place.family = AF_INET;
  place.socktype = SOCK_STREAM;
  place.addrlen = sizeof(sockaddr_in);
  auto& in = reinterpret_cast<sockaddr_in&>(place.addr);
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(transfer.open_socket(place) == CURL_SOCKET_BAD);
  const auto outcome = transfer.outcome(CURLE_COULDNT_CONNECT);
  REQUIRE(std::holds_alternative<handlers::GiveUp>(outcome));
  CHECK(std::get<handlers::GiveUp>(outcome).error == "blocked_destination: 127.0.0.1 is a loopback address");
}

TEST_CASE("row 46: forms of URLs that no push goes to") {
  const auto* url = GENERATE("http://user@127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "ftp://127.0.0.1/");
  PostOffice office(open_config());
  CHECK(is_blocked(office.send_to(url)));
}

TEST_CASE("row 46: nothing is pushed in the clear unless the node says so") {
  Receiver receiver(answer(200));
  auto config = open_config();
  config.transfers.schemes = Schemes::https;
  PostOffice office(std::move(config));
  CHECK(is_blocked(office.send_to(receiver.url())));
  CHECK(receiver.connections() == 0);
}

TEST_CASE("row 46: a redirect to the inside is not followed") {
  Receiver inside(answer(200));
  const int status = GENERATE(301, 302, 303, 307, 308);
  Receiver receiver(answer(status, "", "Location: " + inside.url() + "\r\n"));
  PostOffice office;
  auto underway = office.send_to(receiver.url());
  CHECK(underway.wait_for<handlers::RetryLater>().error ==
        "answered " + std::to_string(status) + " (a push follows no redirect)");
  CHECK(inside.connections() == 0);
}

TEST_CASE("row 46: a node does not push to where it listens itself") {
  Receiver itself(answer(200));
  auto config = open_config();
  config.transfers.rules =
      AddressRules({parse_network("127.0.0.0/8").value()}, {{boost::asio::ip::make_address("0.0.0.0"), itself.port()}});
  PostOffice office(std::move(config));
  CHECK(is_blocked(office.send_to(itself.url())));
  CHECK(itself.connections() == 0);
}
