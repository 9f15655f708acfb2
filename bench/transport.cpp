#include "bench/transport.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "app/client/url.hpp"

namespace turnwise::bench {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error{what + ": " + std::generic_category().message(errno)};
}

// Nodes close a new connection that says nothing for 10 s, and an old one after a minute. Half of the shorter time: then no
// request is ever sent into a connection that is about to be closed.
constexpr std::chrono::seconds idle_max{5};

/// The value of Content-Length, in any case, as Boost.Beast and others write it.
std::size_t content_length(std::string_view head) {
  static constexpr std::string_view name = "content-length:";
  for (std::size_t line = head.find("\r\n"); line != std::string_view::npos; line = head.find("\r\n", line + 2)) {
    const auto field = head.substr(line + 2, name.size());
    if (field.size() != name.size() ||
        !std::equal(field.begin(), field.end(), name.begin(), [](char a, char b) { return (a | 0x20) == (b | 0x20); })) {
      continue;
    }
    auto begin = head.find_first_not_of(' ', line + 2 + name.size());
    std::size_t length{};
    if (begin != std::string_view::npos &&
        std::from_chars(head.data() + begin, head.data() + head.size(), length).ec == std::errc{}) {
      return length;
    }
  }
  throw std::runtime_error{"an answer without Content-Length"};
}

} // namespace

ReplyFrame parse_reply(std::string_view bytes) {
  const auto head_end = bytes.find("\r\n\r\n");
  if (head_end == std::string_view::npos) {
    return {};
  }
  const auto head = bytes.substr(0, head_end);
  int status{};
  if (!head.starts_with("HTTP/1.1 ") || std::from_chars(head.data() + 9, head.data() + head.size(), status).ec != std::errc{}) {
    throw std::runtime_error{"not an HTTP/1.1 answer: " + std::string{head.substr(0, 80)}};
  }
  const auto length = status == 204 ? 0 : content_length(head);
  const auto body_begin = head_end + 4;
  if (bytes.size() - body_begin < length) {
    return {};
  }
  return {{status, bytes.substr(body_begin, length)}, body_begin + length};
}

Channel::~Channel() {
  disconnect();
}

void Channel::disconnect() {
  if (socket_ >= 0) {
    ::close(std::exchange(socket_, -1));
  }
}

void Channel::send(std::string_view method, std::string_view target, std::string_view body, std::string_view header,
                   OnReply done) {
  if (socket_ < 0 || Clock::now() - used_at_ > idle_max) {
    loop_.open(*this);
  }
  on_reply_ = std::move(done);
  output_.clear();
  written_ = 0;
  output_.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(place_).append("\r\n").append(header);
  if (!body.empty()) {
    output_.append("Content-Type: application/json\r\nContent-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  output_.append("\r\n").append(body);
  flush();
}

void Channel::flush() {
  while (written_ < output_.size()) {
    const auto count = ::send(socket_, output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0 && errno == EAGAIN) {
      return loop_.watch(*this, true);
    }
    if (count < 0) {
      fail("sending to " + place_);
    }
    if (written_ += static_cast<std::size_t>(count); written_ == output_.size()) {
      loop_.watch(*this, false);
    }
  }
}

void Channel::readable() {
  auto& scratch = loop_.scratch_;
  const auto count = ::recv(socket_, scratch.data(), scratch.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (count <= 0 && idle()) {
    return disconnect(); // the next request connects again
  }
  if (count < 0) {
    fail("reading from " + place_);
  }
  if (count == 0) {
    throw std::runtime_error{place_ + " has closed a connection"};
  }
  std::string_view bytes{scratch.data(), static_cast<std::size_t>(count)};
  std::string begun = std::exchange(input_, {}); // most answers come whole: then it is empty
  if (!begun.empty()) {
    bytes = begun.append(bytes);
  }
  const auto frame = parse_reply(bytes);
  if (frame.size == 0) {
    input_ = begun.empty() ? std::string{bytes} : std::move(begun);
    return;
  }
  if (bytes.size() != frame.size || !on_reply_) {
    throw std::runtime_error{place_ + " has sent more than one answer"};
  }
  used_at_ = Clock::now();
  std::exchange(on_reply_, {})(frame.reply); // may send the next request
}

Loop::Loop(const std::string& url) : epoll_(epoll_create1(EPOLL_CLOEXEC)), scratch_(1U << 18U) {
  auto parsed = client::parse_url(url);
  if (!parsed) {
    throw std::runtime_error{parsed.error().detail};
  }
  host_ = parsed->host;
  port_ = parsed->port;
}

Loop::~Loop() {
  ::close(epoll_);
}

std::unique_ptr<Channel> Loop::connect() {
  std::unique_ptr<Channel> channel{new Channel{*this, host_ + ":" + port_}};
  open(*channel);
  return channel;
}

void Loop::open(Channel& channel) {
  channel.disconnect();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found{};
  if (getaddrinfo(host_.c_str(), port_.c_str(), &hints, &found) != 0) {
    throw std::runtime_error{"there is no address " + channel.place_};
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner{found, &freeaddrinfo};
  channel.socket_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, found->ai_protocol);
  if (::connect(channel.socket_, found->ai_addr, found->ai_addrlen) != 0) {
    fail("connecting to " + channel.place_);
  }
  const int on = 1;
  setsockopt(channel.socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(channel.socket_, F_SETFL, O_NONBLOCK);
  channel.watched_for_writing_ = false;
  channel.used_at_ = Clock::now();
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &channel}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, channel.socket_, &event) != 0) {
    fail("watching a connection");
  }
}

void Loop::watch(Channel& channel, bool also_writable) {
  if (std::exchange(channel.watched_for_writing_, also_writable) == also_writable) {
    return; // nearly every request is written at once: then there is no call to make
  }
  epoll_event event{.events = also_writable ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.ptr = &channel}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, channel.socket_, &event);
}

void Loop::step(Clock::time_point until) {
  std::array<epoll_event, 64> events{};
  const auto wait = std::max(until - Clock::now(), Clock::duration::zero());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(wait);
  const timespec timeout{seconds.count(), std::chrono::nanoseconds{wait - seconds}.count()};
  const int count = epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    auto& event = events.at(static_cast<std::size_t>(i));
    auto& channel = *static_cast<Channel*>(event.data.ptr);
    if ((event.events & EPOLLOUT) != 0 && channel.socket_ >= 0) {
      channel.flush();
    }
    if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) {
      channel.readable();
    }
  }
}

void Loop::run_until(const std::function<bool()>& done, std::chrono::seconds limit) {
  const auto end = Clock::now() + limit;
  while (!done()) {
    const auto now = Clock::now();
    if (now > end) {
      throw std::runtime_error{"the node did not get there within " + std::to_string(limit.count()) + " s"};
    }
    if (!timers_.empty() && timers_.begin()->first <= now) {
      const auto action = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      action();
      continue;
    }
    // Taken before the step: what it adds waits until everybody was heard once more.
    const auto due = std::exchange(next_turn_, {});
    step(!due.empty() ? now : timers_.empty() ? end : std::min(end, timers_.begin()->first));
    for (const auto& action : due) {
      action();
    }
  }
}

} // namespace turnwise::bench
