// The ways in which a node runs jobs itself: by a command (exec_kind.hpp), by a function (handler.hpp), and by pushing them to
// a URL (push_kind.hpp). To the engine a runner is a worker like any other; it only sits in the same process.
//
// It claims each kind with as many slots as are free, keeps the leases of what runs alive, and brings outcomes back until they
// are taken. It acts on what heartbeats answer: asked to cancel, it stops the job; superseded, it kills it and says no more.
// Leases are short, so that what a killed node was running starts again soon; of pushed jobs they are what their policy says,
// since their receivers may go on with them.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "actors/engine.hpp"
#include "app/handlers/exec_kind.hpp"
#include "app/handlers/handler.hpp"
#include "app/handlers/push_kind.hpp"
#include "app/handlers/spawner.hpp"
#include "model/errors.hpp"

namespace turnwise::handlers {

using std::chrono::milliseconds;

struct RunnerConfig {
  std::string node_name{"node"};      ///< the workers are called exec@<node>, inproc@<node> and push@<node>
  milliseconds lease{6'000};          ///< of attempts but pushed ones; a heartbeat goes out every third of a lease
  milliseconds claim_wait{10'000};    ///< how long one claim waits for a job
  milliseconds outcome_grace{30'000}; ///< how long past its lease an outcome is offered that the engine could not take
  milliseconds answer_wait{10'000};   ///< after which an answer without an answer is sent again
  milliseconds retry_wait_min{100};   ///< between tries of a claim or an outcome, doubling
  milliseconds retry_wait_max{5'000};
  milliseconds farewell{5'000}; ///< when the runner stops: what interrupted work has, beyond its grace, until it is left behind
};

/// Everything that a node runs itself. A kind may appear once.
struct Handlers {
  std::vector<ExecKind> exec;
  std::vector<InProcessKind> in_process;
  Pushing pushing{}; ///< how kinds are pushed that set_push_kinds() names
  [[nodiscard]] bool empty() const { return exec.empty() && in_process.empty(); }
};

inline constexpr std::uint32_t kind_concurrency_max = 256;
/// Kinds that one node pushes.
inline constexpr std::size_t push_kinds_max = 1'000;
/// Slots of all in-process kinds together: each has a thread.
inline constexpr std::uint32_t handler_threads_max = 256;

/// Empty when both can be used; else one sentence per fault.
std::vector<std::string> validate(const RunnerConfig& config, const Handlers& handlers);

class RunnerLoop;

/// Has one thread that decides and one for each slot of an in-process kind. All methods from one thread at a time.
class Runner {
public:
  /// Begins to claim.
  /// @param engine   outlives the runner, or at least its stop()
  /// @param spawner  outlives the runner; may be null without exec kinds
  /// @returns malformed with the sentences of validate(), or internal when the system gives no more threads
  static model::Result<std::unique_ptr<Runner>> start(actors::Engine& engine, Spawner* spawner, RunnerConfig config,
                                                      Handlers handlers);
  /// As stop(0), unless it was stopped.
  ~Runner();

  /// From now on these kinds are pushed, and no others; what is on its way goes on to where it goes. A kind that a command or
  /// a function of this node runs is not pushed by it, nor is what is beyond push_kinds_max. From any thread.
  void set_push_kinds(std::vector<PushKind> kinds);

  /// Ends in order, while the engine drains or before: claims nothing more, lets what runs end for `patience`, then stops
  /// it (SIGTERM and SIGKILL for commands, JobContext::cancelled for functions) and gives its attempts back unused.
  /// Blocks for `patience`, the longest grace, the configured farewell and a second at most.
  /// @returns how many attempts were left without an outcome. A function that does not return is left to itself on a detached
  ///          thread: the process should end soon.
  std::size_t stop(milliseconds patience);

private:
  explicit Runner(std::unique_ptr<RunnerLoop> loop);

  std::unique_ptr<RunnerLoop> loop_;
  std::thread thread_;
};

} // namespace turnwise::handlers
