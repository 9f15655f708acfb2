// Somebody who receives pushes, on loopback, and does what a test's script says: in the clear or with TLS.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;

namespace turnwise::push::testing {

inline constexpr std::chrono::milliseconds patience{20'000};

/// A request as it came.
struct Heard {
  std::string head;
  std::string body;
  /// The value of a header field, or empty.
  [[nodiscard]] std::string field(std::string_view name) const;
};

/// One connection whose request was read.
class Exchange {
public:
  Exchange(int socket, SSL* tls, Heard request) : heard(std::move(request)), socket_(socket), tls_(tls) {}
  const Heard heard;
  /// @returns false when the other side is gone
  bool send(std::string_view bytes);
  /// Waits until the other side has closed, or the receiver ends. @returns whether that happened within `wait`
  bool ends_within(std::chrono::milliseconds wait);

private:
  const int socket_;
  SSL* const tls_;
};

/// An answer as it goes over the wire, with the connection closed behind it.
std::string answer(int status, std::string_view body = "", std::string_view fields = "");

/// A certificate that signed itself, and its key, as PEM.
struct Certificate {
  std::string certificate;
  std::string key;
};
enum class Validity : std::uint8_t { now, in_the_past };
/// @param name  "DNS:example.test" or "IP:127.0.0.1"
Certificate make_certificate(const std::string& name, Validity validity = Validity::now);

class Receiver {
public:
  using Script = std::function<void(Exchange&)>;

  /// @param script  called on a thread of its own for each connection whose request was read
  /// @param tls     absent: in the clear
  explicit Receiver(Script script, std::optional<Certificate> tls = {});
  /// Says the same to everybody.
  explicit Receiver(std::string always);
  ~Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// "http://127.0.0.1:PORT/jobs", or with another scheme and host.
  [[nodiscard]] std::string url(const std::string& scheme = "http", const std::string& host = "127.0.0.1") const;
  /// The next request that no test has looked at.
  Heard next();
  /// How many connections were made so far by others: whatever was made before this call is counted.
  std::size_t connections();

private:
  void accept_all();
  void serve(int socket);

  Script script_;
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> tls_;
  int listener_{-1};
  std::uint16_t port_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Heard> heard_;
  std::size_t accepted_{};
  std::size_t own_{}; ///< connections that this class made itself
  std::vector<int> open_;
  std::vector<std::thread> exchanges_;
  bool ending_{};
  std::thread accepting_;
};

} // namespace turnwise::push::testing
