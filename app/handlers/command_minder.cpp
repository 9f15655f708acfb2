#include "app/handlers/command_minder.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/handlers/pipe.hpp"
#include "app/handlers/process_tree.hpp"

namespace turnwise::handlers {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// How long killed processes may take to vanish before the minder leaves them to the helper.
constexpr milliseconds death_patience{5'000};
/// Reads of one stream after the command's end, of 16 KiB each: more than a pipe holds.
constexpr int last_reads_max = 128;

std::vector<char*> null_terminated(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (const auto& word : words) {
    pointers.push_back(const_cast<char*>(word.c_str())); // execve promises not to write
  }
  pointers.push_back(nullptr);
  return pointers;
}

/// Whether the system lacked something, rather than the command being wrong.
bool is_want(int why) {
  return why == EAGAIN || why == ENOMEM || why == EMFILE || why == ENFILE;
}

void reset_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
    signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

class Minder {
public:
  Minder(FileDescriptor control, FileDescriptor input) : control_(std::move(control)), input_(std::move(input)) {}

  int run(const CommandRequest& request) {
    if (!prepare() || !start(request)) {
      report(CommandEnd::refused("cannot start '" + request.argv.front() + "': " + std::strerror(errno)));
      return EXIT_SUCCESS;
    }
    while (!leader_ended()) {
      watch();
    }
    return finish(request.argv.front());
  }

private:
  struct Stream {
    Pipe pipe;
    OutputTail tail{command_output_bytes_max};
  };

  bool prepare() {
    auto output = open_pipe();
    auto errors = open_pipe();
    auto start_error = open_pipe();
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    child_signals_ = FileDescriptor(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!output || !errors || !start_error || !child_signals_) {
      return false;
    }
    for (const auto* pipe : {&*output, &*errors, &*start_error}) {
      fcntl(pipe->read_end.get(), F_SETFL, O_NONBLOCK); // only ours: the command's end is to block like any pipe
    }
    output_.pipe = std::move(*output);
    errors_.pipe = std::move(*errors);
    start_error_ = std::move(*start_error);
    return true;
  }

  bool start(const CommandRequest& request) {
    const auto argv = null_terminated(request.argv);
    const auto environment = null_terminated(request.environment);
    const pid_t minder = getpid();
    leader_ = fork();
    if (leader_ < 0) {
      return false;
    }
    if (leader_ == 0) {
      become_command(minder, argv, environment);
    }
    setpgid(leader_, leader_); // both sides do it, so that the group is there whoever comes first
    input_.close();
    output_.pipe.write_end.close();
    errors_.pipe.write_end.close();
    start_error_.write_end.close();
    return true;
  }

  [[noreturn]] void become_command(pid_t minder, const std::vector<char*>& argv, const std::vector<char*>& environment) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); // a second belt: should the minder be killed, its command goes with it
    if (getppid() == minder && dup2(input_.get(), STDIN_FILENO) >= 0 &&
        dup2(output_.pipe.write_end.get(), STDOUT_FILENO) >= 0 && dup2(errors_.pipe.write_end.get(), STDERR_FILENO) >= 0) {
      reset_signals();
      execvpe(argv.front(), argv.data(), environment.data());
    }
    const int why = errno;
    [[maybe_unused]] const auto written = write(start_error_.write_end.get(), &why, sizeof why);
    _exit(127);
  }

  /// Waits for the next thing to happen and takes it in.
  void watch() {
    std::array<pollfd, 4> sources{pollfd{control_.get(), POLLIN, 0}, pollfd{child_signals_.get(), POLLIN, 0},
                                  pollfd{output_.pipe.read_end.get(), POLLIN, 0},
                                  pollfd{errors_.pipe.read_end.get(), POLLIN, 0}};
    poll(sources.data(), sources.size(), milliseconds_to_kill());
    if (sources[0].revents != 0) {
      obey();
    }
    if (sources[2].revents != 0) {
      read_some(output_);
    }
    if (sources[3].revents != 0) {
      read_some(errors_);
    }
    if (kill_at_ && Clock::now() >= *kill_at_) {
      kill_command();
      kill_at_.reset();
    }
  }

  [[nodiscard]] int milliseconds_to_kill() const {
    if (!kill_at_) {
      return -1;
    }
    const auto left = std::chrono::ceil<milliseconds>(*kill_at_ - Clock::now());
    return static_cast<int>(std::max<milliseconds::rep>(left.count(), 0));
  }

  /// One order from the node, or the end of the node.
  void obey() {
    std::uint32_t grace = 0;
    const auto size = recv(control_.get(), &grace, sizeof grace, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
    }
    if (size != sizeof grace) {
      control_.close();
      kill_command();
      return;
    }
    const auto at = Clock::now() + milliseconds(grace);
    kill_at_ = kill_at_ ? std::min(*kill_at_, at) : at;
    if (grace > 0) {
      kill(-leader_, SIGTERM);
    }
  }

  /// @returns whether there may be more at once
  static bool read_some(Stream& stream) {
    std::array<char, 16 * 1024> chunk{};
    const auto size = read(stream.pipe.read_end.get(), chunk.data(), chunk.size());
    if (size > 0) {
      stream.tail.append({chunk.data(), static_cast<std::size_t>(size)});
      return true;
    }
    if (size == 0) {
      stream.pipe.read_end.close(); // poll leaves -1 alone
    }
    return false;
  }

  /// Reaps orphans that were handed to us, and looks whether the command has ended, without reaping it: as long as it is
  /// there, nobody else can get its number, and its group can be killed by it.
  bool leader_ended() {
    signalfd_siginfo ignored{};
    while (read(child_signals_.get(), &ignored, sizeof ignored) > 0) {
    }
    for (;;) {
      siginfo_t child{};
      if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) != 0 || child.si_pid == 0) {
        return false;
      }
      if (child.si_pid == leader_) {
        return true;
      }
      waitpid(child.si_pid, nullptr, 0);
    }
  }

  void kill_command() const {
    kill(-leader_, SIGKILL);
    kill(leader_, SIGKILL); // in case it has moved itself to another group
  }

  int finish(const std::string& program) {
    kill_command();
    int status = 0;
    waitpid(leader_, &status, 0);
    const bool nothing_left = kill_descendants(death_patience);
    for (auto* stream : {&output_, &errors_}) {
      for (int reads = 0; reads < last_reads_max && read_some(*stream); ++reads) {
      }
    }
    report(describe(status, program));
    return nothing_left ? EXIT_SUCCESS : EXIT_FAILURE;
  }

  CommandEnd describe(int status, const std::string& program) {
    int why = 0;
    if (read(start_error_.read_end.get(), &why, sizeof why) == sizeof why) {
      const auto text = "cannot start '" + program + "': " + std::strerror(why);
      return is_want(why) ? CommandEnd::refused(text) : CommandEnd::not_started(text);
    }
    CommandEnd end;
    end.how = WIFSIGNALED(status) ? CommandEnd::How::signalled : CommandEnd::How::exited;
    end.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    end.output_truncated = output_.tail.truncated();
    end.errors_truncated = errors_.tail.truncated();
    end.output = std::move(output_.tail).take();
    end.errors = std::move(errors_.tail).take();
    return end;
  }

  void report(const CommandEnd& end) {
    const auto bytes = encode(end);
    std::size_t sent = 0;
    while (control_ && sent < bytes.size()) {
      const auto size = send(control_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (size <= 0 && errno != EINTR) {
        control_.close(); // the node is gone: nobody wants to know
      }
      sent += size > 0 ? static_cast<std::size_t>(size) : 0;
    }
  }

  FileDescriptor control_;
  FileDescriptor input_;
  FileDescriptor child_signals_;
  Pipe start_error_; // carries errno when the command cannot be executed
  Stream output_;
  Stream errors_;
  pid_t leader_{-1};
  std::optional<Clock::time_point> kill_at_;
};

} // namespace

int mind_command(const CommandRequest& request, FileDescriptor control, FileDescriptor input) {
  become_subreaper("turnwise-mind");
  return Minder(std::move(control), std::move(input)).run(request);
}

} // namespace turnwise::handlers
