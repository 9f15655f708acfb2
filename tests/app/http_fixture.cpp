#include "http_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

namespace turnwise::test {
namespace {

constexpr timeval patience{10, 0};

} // namespace

std::string Reply::field(std::string_view name) const {
  const auto at = head.find(fmt::format("\r\n{}: ", name));
  if (at == std::string::npos) {
    return {};
  }
  const auto begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

RawClient::RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
}

RawClient::~RawClient() {
  close();
}

void RawClient::close() {
  if (socket_ >= 0) {
    ::close(std::exchange(socket_, -1));
  }
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::size_t RawClient::receive(std::size_t bytes_max) {
  std::vector<char> buffer(bytes_max);
  return static_cast<std::size_t>(std::max<ssize_t>(::recv(socket_, buffer.data(), buffer.size(), 0), 0));
}

std::string RawClient::read_some() {
  if (received_.empty()) {
    read_more();
  }
  return std::exchange(received_, {});
}

bool RawClient::read_more() {
  std::array<char, 16 * 1024> buffer{};
  const auto count = ::recv(socket_, buffer.data(), buffer.size(), 0);
  if (count > 0) {
    received_.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return count > 0;
}

Reply RawClient::read() {
  Reply reply;
  auto end = received_.find("\r\n\r\n");
  while (end == std::string::npos) {
    REQUIRE(read_more());
    end = received_.find("\r\n\r\n");
  }
  reply.head = received_.substr(0, end + 2);
  received_.erase(0, end + 4);
  reply.status = std::stoi(reply.head.substr(9, 3));
  const std::size_t length = std::stoul("0" + reply.field("Content-Length"));
  while (received_.size() < length) {
    REQUIRE(read_more());
  }
  reply.body = received_.substr(0, length);
  received_.erase(0, length);
  return reply;
}

bool RawClient::is_closed() {
  char byte = 0;
  const auto count = ::recv(socket_, &byte, 1, 0);
  return received_.empty() && (count == 0 || (count < 0 && errno != EAGAIN));
}

HttpFixture::HttpFixture(http::Limits limits, milliseconds engine_timeout)
    : server(limits, 2),
      context{engine, server.counters(), {.claims_max = 10}, engine_timeout},
      router(routes::all(context, limits), limits.body_bytes_max) {
  const auto port = server.bind({"127.0.0.1", 0});
  REQUIRE(port.ok());
  port_ = *port;
  server.start(router);
}

HttpFixture::~HttpFixture() {
  server.stop(milliseconds{100});
}

Reply HttpFixture::get(std::string_view target, std::string_view more_fields) const {
  RawClient client(port_);
  return client.ask(fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n{}\r\n", target, more_fields));
}

Reply HttpFixture::post(std::string_view target, std::string_view body, std::string_view more_fields) const {
  RawClient client(port_);
  return client.ask(post_bytes(target, body, more_fields));
}

std::string post_bytes(std::string_view target, std::string_view body, std::string_view more_fields) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}", target,
                     body.size(), more_fields, body);
}

} // namespace turnwise::test
