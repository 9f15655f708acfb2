// Connections through TLS: the same calls, limits and deadlines as in the clear, for those who can be sure whom they talk to.
#include <catch2/catch_test_macros.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>

#include <thread>

#include "app/client/client.hpp"
#include "http_fixture.hpp"
#include "tests/support/certificate.hpp"

using namespace turnwise;
using namespace std::chrono_literals;

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

client::Options trusting(std::string ca_file) {
  client::Options options;
  options.ca_file = std::move(ca_file);
  return options;
}

/// A server with a certificate for localhost and 127.0.0.1.
struct TlsNode {
  explicit TlsNode(http::Limits limits = {}, const std::string& names = "DNS:localhost,IP:127.0.0.1")
      : certificate(tests::make_certificate(folder, names)),
        server(limits, 2, http::load_tls(certificate.certificate_file, certificate.key_file).value()),
        router(routes::all(context, limits), limits.body_bytes_max) {
    port = server.bind({"127.0.0.1", 0}).value();
    server.start(router);
  }
  ~TlsNode() { server.stop(100ms); }
  TlsNode(const TlsNode&) = delete;
  TlsNode& operator=(const TlsNode&) = delete;

  [[nodiscard]] client::Client connect(const std::string& host = "127.0.0.1") const {
    return connect_trusting(certificate.certificate_file, host);
  }
  [[nodiscard]] client::Client connect_trusting(const std::string& file, const std::string& host = "127.0.0.1") const {
    return client::Client::open("https://" + host + ":" + std::to_string(port), trusting(file)).value();
  }

  tests::TemporaryFolder folder;
  tests::Certificate certificate;
  test::FakeEngine engine;
  http::Server server;
  routes::Context context{engine, server.counters(), {}};
  http::Router router;
  std::uint16_t port{};
};

/// One TLS connection that sends exactly the bytes it is given. Every wait ends after ten seconds.
class TlsClient {
public:
  explicit TlsClient(std::uint16_t port, int version_max = TLS1_3_VERSION) {
    SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.native_handle(), version_max);
    SSL_CTX_set_cipher_list(context_.native_handle(), "ALL:@SECLEVEL=0"); // this side would agree to anything
    stream_.emplace(loop_, context_);
    stream_->next_layer().connect({asio::ip::address_v4::loopback(), port});
    const timeval patience{10, 0};
    setsockopt(stream_->next_layer().native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    stream_->handshake(asio::ssl::stream_base::client, failure_);
  }
  [[nodiscard]] bool connected() const { return !failure_; }
  void send(std::string_view bytes) { asio::write(*stream_, asio::buffer(bytes.data(), bytes.size()), failure_); }
  /// Whether the node ends the connection without another byte.
  bool is_closed() {
    char byte{};
    return stream_->read_some(asio::buffer(&byte, 1), failure_) == 0 && failure_ != asio::error::would_block &&
           failure_ != asio::error::try_again;
  }
  /// Says that it will send no more, as TLS has it, and closes.
  void say_goodbye() {
    SSL_shutdown(stream_->native_handle());
    error_code ignored;
    stream_->next_layer().shutdown(tcp::socket::shutdown_send, ignored);
    stream_->next_layer().close(ignored);
  }
  void hang_up() { stream_->next_layer().close(failure_); }

private:
  asio::io_context loop_;
  asio::ssl::context context_{asio::ssl::context::tls_client};
  std::optional<asio::ssl::stream<tcp::socket>> stream_;
  error_code failure_;
};

constexpr std::string_view claim_that_waits = R"({"worker":"w","kinds":["k"],"wait":"20s"})";

} // namespace

TEST_CASE("a client that trusts the certificate speaks https, by name and by address, and keeps its connection") {
  const TlsNode node;
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    INFO(host);
    auto client = node.connect(host);
    const auto before = node.server.counters().accepted.load();
    for (int i = 0; i < 3; ++i) {
      client::NewJob job;
      job.subject = "a:1";
      job.kind = "k";
      const auto submitted = client.submit(job);
      INFO((submitted.ok() ? "" : submitted.error().detail));
      CHECK(submitted.ok());
    }
    CHECK(node.server.counters().accepted.load() == before + 1);
  }
}

TEST_CASE("a client talks to nobody whose certificate it does not trust, or is for another name") {
  const TlsNode node;
  const auto stranger = tests::make_certificate(node.folder, "IP:127.0.0.1", "stranger");
  CHECK_FALSE(node.connect_trusting(stranger.certificate_file).ready());
  CHECK_FALSE(node.connect_trusting("").ready()); // the system's certificates
  const TlsNode elsewhere({}, "DNS:node.example");
  CHECK_FALSE(elsewhere.connect().ready());
  CHECK_FALSE(elsewhere.connect("localhost").ready());
  CHECK(client::Client::open("https://127.0.0.1:1", trusting("/no/such/file")).error().code == model::Errc::malformed);
}

TEST_CASE("TLS 1.2 is good enough, older versions are not") {
  const TlsNode node;
  CHECK(TlsClient(node.port, TLS1_2_VERSION).connected());
  CHECK_FALSE(TlsClient(node.port, TLS1_1_VERSION).connected());
}

TEST_CASE("who speaks in the clear gets no answer") {
  const TlsNode node;
  test::RawClient plain(node.port);
  plain.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  std::size_t bytes = 0;
  while (const auto count = plain.receive(100)) {
    bytes += count;
  }
  CHECK(bytes < 20); // an alert at most
  CHECK(node.connect().ready());
}

TEST_CASE("row 42: who opens a connection and does not begin with TLS is cut off, and others are served meanwhile") {
  const TlsNode node({.handshake_deadline = 200ms});
  test::RawClient silent(node.port);
  test::RawClient slow(node.port);
  slow.send("\x16\x03\x01"); // begins, and goes no further
  CHECK(node.connect().ready());
  CHECK(silent.is_closed());
  CHECK(slow.is_closed());
}

TEST_CASE("row 42: heads and bodies that come too slowly through TLS are cut off") {
  const TlsNode node({.head_deadline = 200ms, .grace = 200ms});
  TlsClient slow_head(node.port);
  slow_head.send("GET /livez HT");
  TlsClient slow_body(node.port);
  slow_body.send("POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
  CHECK(slow_head.is_closed());
  CHECK(slow_body.is_closed());
}

TEST_CASE("row 42: a client that does not read its answers through TLS is cut off") {
  const TlsNode node({.grace = 200ms, .bytes_per_second_min = 1'000'000'000});
  TlsClient slow(node.port);
  std::string many;
  for (int i = 0; i < 1'000; ++i) {
    many += "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  for (int i = 0; i < 1'000 && slow.connected(); ++i) {
    slow.send(many);
  }
  CHECK_FALSE(slow.connected());
}

TEST_CASE("row 38: limits hold through TLS") {
  const TlsNode node;
  auto client = node.connect();
  const auto reply = client.request("POST", "/v1/jobs", std::string(1'100'000, ' '));
  REQUIRE(reply.ok());
  CHECK(reply->status == 413);
  CHECK(client.ready()); // on a new connection
}

TEST_CASE("a connection beyond the limit is told so through TLS") {
  const TlsNode node({.connections_max = 1});
  auto one = node.connect();
  CHECK(one.ready());
  auto two = node.connect();
  const auto reply = two.request("GET", "/livez");
  REQUIRE(reply.ok());
  CHECK(reply->status == 503);
}

TEST_CASE("a worker that hangs up while it waits is noticed through TLS, whether it says goodbye or not") {
  TlsNode node;
  for (const bool polite : {true, false}) {
    INFO(polite);
    TlsClient worker(node.port);
    worker.send(test::post_bytes("/v1/claims", claim_that_waits));
    const auto waiting = node.engine.take_waiting();
    REQUIRE(waiting.recipient);
    CHECK_FALSE(waiting.recipient->gone());
    polite ? worker.say_goodbye() : worker.hang_up();
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!waiting.recipient->gone() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    CHECK(waiting.recipient->gone());
  }
}

TEST_CASE("a certificate that cannot be used is told with its file before the node serves") {
  const tests::TemporaryFolder folder;
  const auto one = tests::make_certificate(folder, "DNS:localhost", "one");
  const auto two = tests::make_certificate(folder, "DNS:localhost", "two");
  const auto fault = [](const std::string& certificate, const std::string& key) {
    const auto loaded = http::load_tls(certificate, key);
    REQUIRE_FALSE(loaded.ok());
    return loaded.error().detail;
  };
  CHECK(fault("/no/such/file", one.key_file).find("/no/such/file") != std::string::npos);
  CHECK(fault(one.certificate_file, one.certificate_file).find("tls-key") != std::string::npos);
  CHECK(fault(one.certificate_file, two.key_file).find("tls-key") != std::string::npos);
}
