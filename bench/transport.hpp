// bench/ measures a node from outside. This file: many keep-alive connections in one thread, with as little CPU as possible,
// because the client shares the machine with what it measures. Plain sockets and epoll; only what the node's answers need.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace turnwise::bench {

using Clock = std::chrono::steady_clock;

struct Reply {
  int status{};
  std::string_view body; ///< valid during the call that hands it over
};
using OnReply = std::function<void(const Reply&)>;

/// The end of one answer in `bytes`, which begin with it.
struct ReplyFrame {
  Reply reply;
  std::size_t size{}; ///< 0: not complete yet
};
/// Throws std::runtime_error at what is no answer of a node (no status line, no Content-Length).
ReplyFrame parse_reply(std::string_view bytes);

class Loop;

/// One connection with at most one request at a time. Throws std::runtime_error from the loop when it breaks under a request.
/// A server closes connections that say nothing for a while: such a one is made anew for the next request.
class Channel {
public:
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  [[nodiscard]] bool idle() const { return !on_reply_; }
  [[nodiscard]] bool connected() const { return socket_ >= 0; }
  /// Sends; `done` is called from the loop, and may send the next request.
  void post(std::string_view target, std::string_view body, OnReply done) { send("POST", target, body, {}, std::move(done)); }
  void get(std::string_view target, OnReply done) { send("GET", target, {}, {}, std::move(done)); }
  /// @param header  a whole header line with its line end, or nothing
  void send(std::string_view method, std::string_view target, std::string_view body, std::string_view header, OnReply done);

private:
  friend class Loop;
  Channel(Loop& loop, std::string place) : loop_(loop), place_(std::move(place)) {}
  void readable();
  void flush();
  void disconnect();

  Loop& loop_;
  int socket_{-1}; ///< -1: closed while idle
  std::string place_;
  Clock::time_point used_at_; ///< when it was connected, or answered last
  std::string output_;
  std::size_t written_{};
  std::string input_;
  OnReply on_reply_;
  bool watched_for_writing_{};
};

/// Waits for all channels and for points in time. One thread. Channels are made and destroyed outside of callbacks.
class Loop {
public:
  /// @param url  http://host:port. Throws std::runtime_error when it is not.
  explicit Loop(const std::string& url);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// A new connection. Throws std::runtime_error when there is none to be had. It ends before the loop does.
  std::unique_ptr<Channel> connect();
  /// Calls `action` at a point in time, from run_until.
  void at(Clock::time_point when, std::function<void()> action) { timers_.emplace(when, std::move(action)); }
  /// Calls `action` in the next turn of run_until: after whatever other connections have to say by then was handled.
  void next_turn(std::function<void()> action) { next_turn_.push_back(std::move(action)); }
  /// Handles what comes until `done` says so. Throws std::runtime_error when that takes longer than `limit`.
  void run_until(const std::function<bool()>& done, std::chrono::seconds limit);

private:
  friend class Channel;
  void open(Channel& channel);
  void watch(Channel& channel, bool also_writable);
  void step(Clock::time_point until);

  int epoll_;
  std::vector<char> scratch_;
  std::string host_;
  std::string port_;
  std::multimap<Clock::time_point, std::function<void()>> timers_;
  std::vector<std::function<void()>> next_turn_;
};

} // namespace turnwise::bench
