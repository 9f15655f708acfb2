#include "examples/ci-artifacts/scene.hpp"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>

#include <fmt/core.h>

#include "examples/ci-artifacts/handlers.hpp"
#include "examples/ci-artifacts/queue.hpp"
#include "examples/ci-artifacts/scenario.hpp"
#include "examples/ci-artifacts/timeline.hpp"

namespace turnwise::ci_artifacts {

using std::chrono::steady_clock;

namespace {

const Task task_a{"archive_legacy_trace", "job:123"};
const Task task_b{"build_coverage", "job:123"};
const Task task_c{"build_trace_sections", "job:76"};
constexpr std::uint64_t long_log_kilobytes = 96 * 1'024; // takes a while to archive

/// Notes when tasks start and end; kinds tell them apart.
class Stage {
public:
  void note(const Task& task, Moment Span::*what) {
    const std::lock_guard lock{mutex_};
    spans_[task.kind].*what = steady_clock::now();
    if (what == &Span::started) {
      running_.push_back(task.kind);
    }
    changed_.notify_all();
  }

  void wait_for_start(const Task& task) {
    std::unique_lock lock{mutex_};
    const auto started = [&] { return std::ranges::find(running_, task.kind) != running_.end(); };
    if (!changed_.wait_for(lock, std::chrono::seconds{30}, started)) {
      throw std::runtime_error{task.kind + " has not started within 30 s"};
    }
  }

  Span span_of(const Task& task, const char* letter) {
    const std::lock_guard lock{mutex_};
    auto span = spans_[task.kind];
    span.label = fmt::format("{} {:<8} {}", letter, task.subject, task.kind);
    return span;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Span> spans_;
  std::vector<std::string> running_;
};

void set_up_scene(const World& world) {
  for (const auto* name : {"123", "76"}) {
    write_file(world.legacy_log(name), make_log(std::stoull(name), name == std::string{"123"} ? long_log_kilobytes : 64));
    world.write("job:" + std::string{name}, {{"status", "running"}, {"log", "legacy"}});
  }
}

} // namespace

bool play_scene(const World& world, const std::string& url, const std::string& run) {
  set_up_scene(world);
  Stage stage;
  TurnwiseQueue queue{
      url,
      run,
      world,
      3,
      {[&](const Task& task) { stage.note(task, &Span::started); }, [&](const Task& task) { stage.note(task, &Span::ended); }}};
  stage.note(task_a, &Span::submitted);
  queue.submit({task_a});
  stage.wait_for_start(task_a);
  for (const auto& task : {task_b, task_c}) {
    stage.note(task, &Span::submitted);
    queue.submit({task});
  }
  queue.wait();

  const auto a = stage.span_of(task_a, "A");
  const auto b = stage.span_of(task_b, "B");
  const auto c = stage.span_of(task_c, "C");
  const auto milliseconds = [&](Moment from, Moment to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
  };
  fmt::print("{}\n", draw_timeline({a, b, c}));
  fmt::print("1. job A runs for job:123, for {:.0f} ms.\n", milliseconds(a.started, a.ended));
  fmt::print("2. job B arrives for job:123 and waits: it starts {:.1f} ms after A has ended.\n",
             milliseconds(a.ended, b.started));
  fmt::print("3. job C arrives for job:76, where nothing is queued: it starts {:.1f} ms after it was submitted, while A {}.\n",
             milliseconds(c.submitted, c.started), c.started < a.ended ? "runs" : "does not run any more");
  return b.submitted < a.ended && b.started >= a.ended && c.started < a.ended;
}

} // namespace turnwise::ci_artifacts
