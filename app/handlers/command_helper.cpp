#include "app/handlers/command_helper.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_set>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/handlers/command.hpp"
#include "app/handlers/command_minder.hpp"
#include "app/handlers/process_tree.hpp"

namespace turnwise::handlers {

namespace {

/// Less than what a node waits for its helper before it kills it.
constexpr std::chrono::milliseconds farewell_patience{4'000};

/// Where the socket is put, so that everything behind it can be closed.
constexpr int orders_number = 3;

struct Order {
  std::string request;
  FileDescriptor control;
  FileDescriptor input;
};

/// Leaves the node's terminal, signals and open files behind.
FileDescriptor detach_from_node(FileDescriptor orders) {
  setsid(); // a Ctrl-C in the node's terminal is the node's to handle
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
    signal(number, SIG_IGN);
  }
  signal(SIGCHLD, SIG_DFL); // ignored, children would vanish before their status is read
  // stdin and stdout first: should the node have closed them, one of their numbers may be the socket's.
  FileDescriptor copy(fcntl(orders.get(), F_DUPFD_CLOEXEC, orders_number));
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, STDIN_FILENO);
  dup2(nothing, STDOUT_FILENO);
  if (fcntl(STDERR_FILENO, F_GETFD) < 0) {
    dup2(nothing, STDERR_FILENO);
  }
  static_cast<void>(orders.release()); // closed below with all that the node had open
  dup3(copy.release(), orders_number, O_CLOEXEC);
  closefrom(orders_number + 1);
  return FileDescriptor(orders_number);
}

/// @returns false when the node is gone
bool receive(int socket, Order& order) {
  order.request.resize(command_request_bytes_max);
  iovec bytes{order.request.data(), order.request.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> ancillary{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  const auto size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (size <= 0) {
    order.request.clear();
    return size < 0 && (errno == EINTR || errno == EAGAIN);
  }
  order.request.resize(static_cast<std::size_t>(size));
  const auto* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(2 * sizeof(int))) {
    std::array<int, 2> received{};
    std::memcpy(received.data(), CMSG_DATA(header), sizeof received);
    order.control = FileDescriptor(received[0]);
    order.input = FileDescriptor(received[1]);
  }
  return true;
}

void refuse(const FileDescriptor& control, const std::string& why) {
  const auto bytes = encode(CommandEnd::refused(why));
  send(control.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

class Helper {
public:
  explicit Helper(FileDescriptor orders) : orders_(std::move(orders)) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    child_signals_ = FileDescriptor(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  void serve() {
    const char ready = 'r';
    send(orders_.get(), &ready, sizeof ready, MSG_NOSIGNAL);
    while (child_signals_) {
      std::array<pollfd, 2> sources{pollfd{orders_.get(), POLLIN, 0}, pollfd{child_signals_.get(), POLLIN, 0}};
      poll(sources.data(), sources.size(), -1);
      if (sources[1].revents != 0) {
        reap();
      }
      if (sources[0].revents != 0) {
        Order order;
        if (!receive(orders_.get(), order)) {
          return;
        }
        obey(std::move(order));
      }
    }
  }

private:
  void obey(Order order) {
    const auto request = decode_request(order.request);
    if (!request || !order.control || !order.input) {
      return; // closes the control socket, which the node takes for a lost command
    }
    if (minders_.size() >= commands_max) {
      refuse(order.control, "too many commands run at a time");
      return;
    }
    const pid_t minder = fork();
    if (minder == 0) {
      orders_.close();
      child_signals_.close();
      _exit(mind_command(*request, std::move(order.control), std::move(order.input)));
    }
    if (minder < 0) {
      refuse(order.control, std::string("cannot fork: ") + std::strerror(errno));
      return;
    }
    minders_.insert(minder);
  }

  void reap() {
    signalfd_siginfo ignored{};
    while (read(child_signals_.get(), &ignored, sizeof ignored) > 0) {
    }
    bool left_something = false;
    int status = 0;
    for (pid_t child = 0; (child = waitpid(-1, &status, WNOHANG)) > 0;) {
      const bool clean = minders_.erase(child) == 1 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
      left_something = left_something || !clean;
    }
    if (left_something) {
      kill_orphans();
    }
  }

  /// A child that is no minder was left by one that died or gave up. Their own orphans come in the next round.
  void kill_orphans() {
    for (const auto child : children_of_this_process()) {
      if (!minders_.contains(child)) {
        kill(child, SIGKILL);
      }
    }
  }

  FileDescriptor orders_;
  FileDescriptor child_signals_;
  std::unordered_set<pid_t> minders_;
};

} // namespace

void serve_commands(FileDescriptor orders) {
  become_subreaper("turnwise-spawn");
  Helper helper(detach_from_node(std::move(orders)));
  helper.serve();
  kill_descendants(farewell_patience);
  // Only now the socket is closed: to a node that waits it says that nothing runs any more.
  _exit(EXIT_SUCCESS);
}

} // namespace turnwise::handlers
