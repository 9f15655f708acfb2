// A server that says what a test tells it to say, to test a client against.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace turnwise::examples_testing {

/// What happens after a request has come.
struct Line {
  std::string answer;                            ///< bytes as they go over the wire; empty: nothing is sent
  enum class Then { keep, close, stall } then{}; ///< stall: neither answers further nor closes until the server ends
};

std::string http_answer(int status, const std::string& body);

/// Serves one connection after the other on the loopback address, a line per request, and ends after the last line.
class ScriptedServer {
public:
  explicit ScriptedServer(std::vector<Line> script);
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer();

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// The requests so far, head and body.
  [[nodiscard]] std::vector<std::string> requests();

private:
  void serve();
  bool serve_connection(int socket);
  bool read_request(int socket);

  std::vector<Line> script_;
  std::size_t next_{};
  int listener_;
  int stop_pipe_[2];
  std::uint16_t port_{};
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

} // namespace turnwise::examples_testing
