// Row 47 of the fault matrix: receivers that are slow, endless, or not who they say they are.
#include <fstream>
#include <semaphore>

#include <catch2/generators/catch_generators.hpp>

#include "tests/push/post_office.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace turnwise;
using namespace turnwise::push;
using namespace turnwise::push::testing;
using namespace std::chrono_literals;

namespace {

/// A receiver whose script goes on until the other side has closed, and says when.
struct Stubborn {
  explicit Stubborn(std::function<void(Exchange&)> script)
      : receiver([this, script = std::move(script)](Exchange& exchange) {
          script(exchange);
          gone.release();
        }) {}
  bool was_closed() { return gone.try_acquire_for(patience); }
  std::binary_semaphore gone{0};
  Receiver receiver;
};

/// One byte after the other, until nobody reads them.
void drip(Exchange& exchange) {
  while (!exchange.ends_within(10ms) && exchange.send("x")) {
  }
}

Address loopback() {
  return boost::asio::ip::make_address("127.0.0.1");
}

/// Trusts this certificate and no other; every name is 127.0.0.1.
struct Trusting {
  explicit Trusting(const Certificate& certificate) {
    std::ofstream(folder.file("ca.pem")) << certificate.certificate;
    config.transfers.schemes = Schemes::https;
    config.transfers.ca_file = folder.file("ca.pem");
    config.lookup = [](const std::string&) -> model::Result<std::vector<Address>> { return std::vector<Address>{loopback()}; };
  }
  tests::TemporaryFolder folder;
  CourierConfig config{open_config()};
};

} // namespace

TEST_CASE("row 47: a receiver that never answers has its time, and the job is tried again") {
  Stubborn hanging([](Exchange& exchange) { exchange.ends_within(patience); });
  PostOffice office;
  auto underway = office.send_to(hanging.receiver.url(), 300ms);
  CHECK(underway.wait_for<handlers::RetryLater>().error.starts_with("no whole answer within "));
  CHECK(hanging.was_closed());
}

TEST_CASE("row 47: a receiver that drips byte by byte does not get more time for that") {
  Stubborn dripping([](Exchange& exchange) {
    exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    drip(exchange);
  });
  PostOffice office;
  auto underway = office.send_to(dripping.receiver.url(), 300ms);
  CHECK(underway.wait_for<handlers::RetryLater>().error.starts_with("no whole answer within "));
  CHECK(dripping.was_closed());
}

TEST_CASE("row 47: a head that drips byte by byte is cut off as well") {
  Stubborn dripping([](Exchange& exchange) {
    exchange.send("HTTP/1.1 200 OK\r\nX-Slow: ");
    drip(exchange);
  });
  PostOffice office;
  auto underway = office.send_to(dripping.receiver.url(), 300ms);
  underway.wait_for<handlers::RetryLater>();
  CHECK(dripping.was_closed());
}

TEST_CASE("row 47: of an endless body 64 KiB are read, and the success that it was stands") {
  Stubborn endless([](Exchange& exchange) {
    exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n");
    const std::string chunk(16 * 1024, 'x');
    while (exchange.send(chunk)) {
    }
  });
  PostOffice office;
  auto underway = office.send_to(endless.receiver.url());
  CHECK(underway.wait_for<handlers::Success>().result.size() == answer_bytes_max + 1);
  CHECK(endless.was_closed());
}

TEST_CASE("row 47: an endless head is no answer") {
  Stubborn endless([](Exchange& exchange) {
    exchange.send("HTTP/1.1 200 OK\r\n");
    while (exchange.send("X-More: " + std::string(1'000, 'x') + "\r\n")) {
    }
  });
  PostOffice office;
  auto underway = office.send_to(endless.receiver.url());
  CHECK(underway.wait_for<handlers::RetryLater>().error == "the answer's head has more than 16384 bytes");
  CHECK(endless.was_closed());
}

TEST_CASE("row 47: words before the answer do not go on for ever either") {
  Stubborn chatty([](Exchange& exchange) {
    while (exchange.send("HTTP/1.1 102 Processing\r\n\r\n")) {
    }
  });
  PostOffice office;
  auto underway = office.send_to(chatty.receiver.url());
  underway.wait_for<handlers::RetryLater>();
  CHECK(chatty.was_closed());
}

TEST_CASE("row 47: an answer that breaks off, or is none, is tried again") {
  const auto* said = GENERATE("", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "HTTP/1.1 200", "SSH-2.0-OpenSSH\r\n");
  CAPTURE(said);
  Receiver receiver([said](Exchange& exchange) { exchange.send(said); });
  PostOffice office;
  auto underway = office.send_to(receiver.url());
  CHECK_FALSE(underway.wait_for<handlers::RetryLater>().error.empty());
}

TEST_CASE("row 47: 410, and 429 with Retry-After, are heard") {
  PostOffice office;
  Receiver gone(answer(410, "moved away"));
  auto one = office.send_to(gone.url());
  CHECK(one.wait_for<Gone>().why == "answered 410: moved away");
  Receiver busy(answer(429, "", "Retry-After: 120\r\n"));
  auto other = office.send_to(busy.url());
  CHECK(other.wait_for<Later>().after == 120s);
}

TEST_CASE("row 47: a receiver with the right certificate is trusted, one that is closed to us is not") {
  const auto certificate = make_certificate("DNS:example.test");
  Trusting trusting(certificate);
  Receiver receiver([](Exchange& exchange) { exchange.send(answer(200)); }, certificate);
  PostOffice office(trusting.config);
  auto right = office.send_to(receiver.url("https", "example.test"));
  right.wait_for<handlers::Success>();
  receiver.next();
  auto other_name = office.send_to(receiver.url("https", "other.test"));
  CHECK_FALSE(other_name.wait_for<handlers::RetryLater>().error.empty());
  CHECK(receiver.connections() == 2); // it came as far as the handshake
}

TEST_CASE("row 47: a receiver with a bad certificate gets nothing") {
  const auto trusted = make_certificate("DNS:example.test");
  const auto bad =
      GENERATE_COPY(make_certificate("DNS:example.test"), make_certificate("DNS:example.test", Validity::in_the_past));
  Trusting trusting(trusted);
  std::atomic<bool> was_told{false};
  Receiver receiver([&](Exchange&) { was_told = true; }, bad);
  PostOffice office(trusting.config);
  auto underway = office.send_to(receiver.url("https", "example.test"));
  CHECK(underway.wait_for<handlers::RetryLater>().error.find("certificate") != std::string::npos);
  CHECK(receiver.connections() == 1);
  CHECK_FALSE(was_told);
}

TEST_CASE("row 47: an expired certificate is refused although its authority is trusted") {
  const auto expired = make_certificate("DNS:example.test", Validity::in_the_past);
  Trusting trusting(expired);
  Receiver receiver([](Exchange& exchange) { exchange.send(answer(200)); }, expired);
  PostOffice office(trusting.config);
  auto underway = office.send_to(receiver.url("https", "example.test"));
  CHECK(underway.wait_for<handlers::RetryLater>().error.find("certificate") != std::string::npos);
}
