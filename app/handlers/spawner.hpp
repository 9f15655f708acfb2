// Starts commands for a node, from a helper process that was forked before the node had threads. What helper and minders do,
// and what becomes of commands when one of the processes dies: command_helper.hpp.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "app/handlers/command.hpp"
#include "app/handlers/file_descriptor.hpp"
#include "model/errors.hpp"
#include "model/strong.hpp"

namespace turnwise::handlers {

using CommandId = model::Strong<struct CommandIdTag, std::uint64_t>;

/// Threads: start, kill and alive may be called from any thread and wait for nothing but the helper's queue (5 s at most, and
/// only when a thousand commands are being started).
class Spawner {
public:
  /// Called once per command, from a thread of the spawner; must not block, and must not call the spawner.
  using OnEnd = std::function<void(CommandEnd)>;

  /// Forks the helper. To be called first thing in main: an error when the process has other threads already.
  static model::Result<std::unique_ptr<Spawner>> fork();

  /// Kills all commands with all that they started, and waits for that: 5 s at most. Commands that were still running end as
  /// `lost`.
  ~Spawner();
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  /// Starts a command. Its OnEnd may come before this returns.
  /// @returns malformed (no argv, a NUL within a word), too_large (see command_request_bytes_max), unavailable (the helper is
  ///          gone or busy, too many commands) or internal (out of descriptors or memory); then OnEnd is never called
  model::Result<CommandId> start(const CommandSpec& spec, OnEnd on_end);

  /// SIGTERM to the command's process group now and SIGKILL to all that it started `grace` later; zero: SIGKILL now. May be
  /// repeated: the earliest end holds. Nothing when the command has ended. The end comes by OnEnd, as always.
  void kill(CommandId command, std::chrono::milliseconds grace);

  /// False once the helper is gone: only a new node can start commands then.
  [[nodiscard]] bool alive() const { return alive_; }
  /// The helper's process, for logs.
  [[nodiscard]] pid_t helper() const { return helper_; }

private:
  struct Running {
    FileDescriptor control; ///< to the command's minder
    std::string received;   ///< of its CommandEnd
    OnEnd on_end;
  };

  Spawner(FileDescriptor orders, FileDescriptor wake, pid_t helper);

  model::Result<model::Done> send_order(const std::string& request, int control, int input);
  void listen();
  void read_from(CommandId command);
  void finish(CommandId command);
  void wake_listener() const;
  void await_helper();

  FileDescriptor orders_; ///< packets to the helper
  FileDescriptor wake_;   ///< an eventfd: the set of commands has changed
  const pid_t helper_;
  std::atomic<bool> alive_{true};
  std::atomic<bool> stopping_{false};

  std::mutex mutex_; ///< guards what follows
  std::unordered_map<CommandId, Running> running_;
  std::uint64_t last_id_{};
  std::thread listener_; ///< hears from minders; started with the first command, so that forks before it stay safe
};

} // namespace turnwise::handlers
