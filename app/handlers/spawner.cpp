#include "app/handlers/spawner.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/handlers/command_helper.hpp"

namespace turnwise::handlers {

namespace {

using model::Errc;
using model::Error;

constexpr int helper_seconds_max = 5;
constexpr int farewell_milliseconds_max = 5'000;
/// More than an encoded CommandEnd has.
constexpr std::size_t received_bytes_max = 2 * command_output_bytes_max + 16 * 1024;

Error system_error(const std::string& what) {
  return {Errc::internal, what + ": " + std::strerror(errno), {}};
}

/// ThreadSanitizer has a thread of its own, which it knows to keep out of forks.
bool has_other_threads() {
#ifdef __SANITIZE_THREAD__
  return false;
#else
  std::error_code error;
  const auto tasks = std::filesystem::directory_iterator("/proc/self/task", error);
  return std::distance(begin(tasks), end(tasks)) > 1;
#endif
}

/// A thread that was joined just now may take a moment to vanish.
bool keeps_other_threads() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  while (has_other_threads()) {
    if (std::chrono::steady_clock::now() >= end) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

struct SocketPair {
  FileDescriptor ours;
  FileDescriptor theirs;
};

std::optional<SocketPair> open_sockets(int type) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return std::nullopt;
  }
  return SocketPair{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

/// The text as an open file at its beginning. Unlike a pipe it takes all of it at once and fails no writer.
FileDescriptor file_of(const std::string& text) {
  FileDescriptor file(memfd_create("turnwise-input", MFD_CLOEXEC));
  std::size_t written = 0;
  while (file && written < text.size()) {
    const auto size = write(file.get(), text.data() + written, text.size() - written);
    if (size <= 0) {
      return {};
    }
    written += static_cast<std::size_t>(size);
  }
  if (file) {
    lseek(file.get(), 0, SEEK_SET);
  }
  return file;
}

model::Result<std::string> encode_request(const CommandSpec& spec) {
  if (spec.argv.empty() || spec.argv.front().empty()) {
    return Error{Errc::malformed, "a command needs at least the name of a program", {}};
  }
  const auto has_nul = [](const std::string& word) { return word.find('\0') != std::string::npos; };
  if (std::ranges::any_of(spec.argv, has_nul) || std::ranges::any_of(spec.environment, has_nul)) {
    return Error{Errc::malformed, "a word of a command or of its environment has a NUL byte within", {}};
  }
  auto bytes = encode(CommandRequest{.argv = spec.argv, .environment = spec.environment});
  if (bytes.size() > command_request_bytes_max) {
    return Error{Errc::too_large,
                 "command and environment have " + std::to_string(bytes.size()) + " bytes, and may have " +
                     std::to_string(command_request_bytes_max),
                 {}};
  }
  return bytes;
}

} // namespace

// ── Life ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

model::Result<std::unique_ptr<Spawner>> Spawner::fork() {
  if (keeps_other_threads()) {
    return Error{Errc::internal, "Spawner::fork() must be called before the process has other threads", {}};
  }
  auto sockets = open_sockets(SOCK_SEQPACKET);
  FileDescriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!sockets || !wake) {
    return system_error("cannot open a socket to the process that starts commands");
  }
  const timeval patience{.tv_sec = helper_seconds_max, .tv_usec = 0};
  setsockopt(sockets->ours.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(sockets->ours.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const pid_t helper = ::fork();
  if (helper < 0) {
    return system_error("cannot fork the process that starts commands");
  }
  if (helper == 0) {
    sockets->ours.close();
    serve_commands(std::move(sockets->theirs));
  }
  sockets->theirs.close();
  std::unique_ptr<Spawner> spawner(new Spawner(std::move(sockets->ours), std::move(wake), helper));
  // From here on no signal to the whole process group reaches the helper any more.
  char ready = 0;
  if (recv(spawner->orders_.get(), &ready, sizeof ready, 0) != sizeof ready) {
    return system_error("the process that starts commands does not answer");
  }
  return spawner;
}

Spawner::Spawner(FileDescriptor orders, FileDescriptor wake, pid_t helper)
    : orders_(std::move(orders)), wake_(std::move(wake)), helper_(helper) {}

Spawner::~Spawner() {
  stopping_ = true;
  if (listener_.joinable()) {
    wake_listener();
    listener_.join();
  }
  auto left = std::exchange(running_, {}); // their minders see the sockets closed and kill
  for (auto& [id, command] : left) {
    command.control.close();
    command.on_end(CommandEnd::lost("the node stops"));
  }
  await_helper();
}

void Spawner::await_helper() {
  shutdown(orders_.get(), SHUT_WR);
  pollfd gone{orders_.get(), POLLIN, 0};
  poll(&gone, 1, farewell_milliseconds_max);
  ::kill(helper_, SIGKILL); // it is a zombie by now, or hangs
  waitpid(helper_, nullptr, 0);
}

// ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

model::Result<CommandId> Spawner::start(const CommandSpec& spec, OnEnd on_end) {
  const auto request = encode_request(spec);
  if (!request) {
    return request.error();
  }
  auto input = file_of(spec.input);
  auto sockets = open_sockets(SOCK_STREAM);
  if (!input || !sockets) {
    return system_error("cannot prepare a command");
  }
  std::unique_lock lock(mutex_);
  if (running_.size() >= commands_max) {
    return Error{Errc::unavailable, "too many commands run at a time", {}};
  }
  if (!listener_.joinable()) {
    try {
      listener_ = std::thread([this] { listen(); });
    } catch (const std::system_error& error) {
      return Error{Errc::internal, std::string("cannot start a thread: ") + error.what(), {}};
    }
  }
  const CommandId id{++last_id_};
  running_.emplace(id, Running{std::move(sockets->ours), {}, std::move(on_end)});
  lock.unlock();

  auto sent = send_order(*request, sockets->theirs.get(), input.get());
  if (!sent) {
    lock.lock();
    running_.erase(id);
    return sent.error();
  }
  wake_listener();
  return id;
}

model::Result<model::Done> Spawner::send_order(const std::string& request, int control, int input) {
  iovec bytes{const_cast<char*>(request.data()), request.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> ancillary{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  auto* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(2 * sizeof(int));
  const std::array<int, 2> sent{control, input};
  std::memcpy(CMSG_DATA(header), sent.data(), sizeof sent);

  while (sendmsg(orders_.get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) {
      continue;
    }
    if (errno == EPIPE || errno == ECONNRESET) {
      alive_ = false;
      return Error{Errc::unavailable, "the process that starts commands is gone: restart the node", {}};
    }
    return Error{Errc::unavailable, std::string("cannot reach the process that starts commands: ") + std::strerror(errno), {}};
  }
  return model::Done{};
}

void Spawner::kill(CommandId command, std::chrono::milliseconds grace) {
  const auto milliseconds = static_cast<std::uint32_t>(std::clamp<std::int64_t>(grace.count(), 0, 3'600'000));
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(command);
  if (found != running_.end()) {
    // A full socket means that many orders to kill wait already.
    send(found->second.control.get(), &milliseconds, sizeof milliseconds, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
}

// ── What minders say ─────────────────────────────────────────────────────────────────────────────────────────────────────

void Spawner::wake_listener() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_.get(), &one, sizeof one);
}

void Spawner::listen() {
  std::vector<pollfd> sources;
  std::vector<CommandId> ids;
  while (!stopping_) {
    sources.assign({pollfd{wake_.get(), POLLIN, 0}, pollfd{alive_ ? orders_.get() : -1, 0, 0}});
    ids.clear();
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [id, command] : running_) {
        sources.push_back({command.control.get(), POLLIN, 0});
        ids.push_back(id);
      }
    }
    poll(sources.data(), sources.size(), -1);
    if (sources[0].revents != 0) {
      std::uint64_t ignored = 0;
      [[maybe_unused]] const auto size = read(wake_.get(), &ignored, sizeof ignored);
    }
    if (sources[1].revents != 0) {
      alive_ = false; // nothing was asked for, so this is the hang-up
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (sources[i + 2].revents != 0) {
        read_from(ids[i]);
      }
    }
  }
}

void Spawner::read_from(CommandId id) {
  std::array<char, 64 * 1024> chunk{};
  std::unique_lock lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end()) {
    return; // start() could not reach the helper and took it back
  }
  auto& command = found->second;
  const auto size = recv(command.control.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (size > 0 && command.received.size() < received_bytes_max) {
    command.received.append(chunk.data(), static_cast<std::size_t>(size));
    return;
  }
  lock.unlock();
  finish(id);
}

void Spawner::finish(CommandId id) {
  std::unique_lock lock(mutex_);
  auto node = running_.extract(id);
  lock.unlock();
  if (node.empty()) {
    return;
  }
  auto& command = node.mapped();
  command.control.close();
  auto end = decode_end(command.received);
  command.on_end(end ? std::move(*end) : CommandEnd::lost("the process that watched the command is gone"));
}

} // namespace turnwise::handlers
