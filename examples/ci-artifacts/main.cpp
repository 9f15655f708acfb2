// ci-artifacts: the story that Turnwise was written for, with real files. First an ordinary queue runs the handlers of a CI
// system and loses data; then Turnwise runs the same handlers, and nothing is lost. See README.md beside this file.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <random>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "examples/ci-artifacts/handlers.hpp"
#include "examples/ci-artifacts/queue.hpp"
#include "examples/ci-artifacts/scenario.hpp"
#include "examples/ci-artifacts/scene.hpp"

namespace {

using namespace turnwise::ci_artifacts;
namespace fs = std::filesystem;

struct Settings {
  std::string url{"http://127.0.0.1:7171"};
  Scenario scenario;
  unsigned workers{8};
  std::string folder;
};

/// A folder for the files, removed at the end unless it was asked for by name.
class Folder {
public:
  explicit Folder(const std::string& wish) : ours_(wish.empty()), path_(wish) {
    if (!ours_ && fs::exists(path_) && !fs::is_empty(path_)) {
      throw std::runtime_error{wish + " is not empty"}; // what an earlier run left would be judged as this one's
    }
    if (ours_) {
      auto name = (fs::temp_directory_path() / "ci-artifacts-XXXXXX").string();
      if (mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error{"cannot make a folder in " + fs::temp_directory_path().string()};
      }
      path_ = name;
    }
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    if (ours_) {
      fs::remove_all(path_, ignored);
    }
  }
  [[nodiscard]] World world(const char* name) const { return World{path_ / name}; }

private:
  bool ours_;
  fs::path path_;
};

struct Part {
  Outcome outcome;
  std::vector<Loss> losses;
  /// How many of the checks found something wrong. Their counts are no sum: one accident can show in several of them.
  [[nodiscard]] auto failed_checks() const {
    return std::ranges::count_if(losses, [](const Loss& loss) { return loss.count > 0; });
  }
  [[nodiscard]] bool harmed() const { return failed_checks() > 0 || outcome.given_up > 0; }
};

void print_comparison(const Part& ordinary, const Part& turnwise) {
  const auto line = [](const std::string& text, std::uint64_t left, std::uint64_t right) {
    fmt::print("  {:<52} {:>9} {:>9}\n", text, left, right);
  };
  fmt::print("\n  {:<52} {:>9} {:>9}\n", "", "ordinary", "Turnwise");
  for (std::size_t i = 0; i < ordinary.losses.size(); ++i) {
    line(ordinary.losses[i].text, ordinary.losses[i].count, turnwise.losses[i].count);
  }
  line("tasks given up after " + std::to_string(attempts_max) + " attempts", ordinary.outcome.given_up,
       turnwise.outcome.given_up);
  line("attempts that failed", ordinary.outcome.failures, turnwise.outcome.failures);
  line("tasks done", ordinary.outcome.done, turnwise.outcome.done);
  fmt::print("  {:<52} {:>9.1f} {:>9.1f}\n\n", "seconds", ordinary.outcome.seconds, turnwise.outcome.seconds);
}

Outcome run_turnwise(const Settings& settings, const World& world, const std::string& name) {
  TurnwiseQueue queue{settings.url, name, world, settings.workers};
  queue.submit(first_tasks(settings.scenario));
  return queue.wait();
}

int run(const Settings& settings) {
  const Folder folder{settings.folder};
  const auto name = fmt::format("{:08x}", std::random_device{}());
  const auto& scenario = settings.scenario;
  fmt::print("{} artifacts and jobs of a CI system in a file store, {} tasks of {} kinds, {} workers\n", scenario.artifacts,
             expected_tasks(scenario), all_kinds().size(), settings.workers);
  std::fflush(stdout);

  fmt::print("first as an ordinary queue runs them: the oldest task first, whatever it is about\n");
  std::fflush(stdout);
  const auto ordinary_world = folder.world("ordinary");
  set_up(ordinary_world, scenario);
  const auto ordinary_outcome = run_ordinary(ordinary_world, first_tasks(scenario), settings.workers);
  const Part ordinary{ordinary_outcome, audit(ordinary_world, scenario)};

  fmt::print("then the same handlers through Turnwise at {}: tasks of one subject take turns\n", settings.url);
  std::fflush(stdout);
  const auto turnwise_world = folder.world("turnwise");
  set_up(turnwise_world, scenario);
  const auto turnwise_outcome = run_turnwise(settings, turnwise_world, name);
  const Part turnwise{turnwise_outcome, audit(turnwise_world, scenario)};
  print_comparison(ordinary, turnwise);

  const bool all_done = turnwise.outcome.done == expected_tasks(scenario);
  const bool scene_good = play_scene(folder.world("scene"), settings.url, name + "-scene");
  if (!ordinary.harmed()) {
    fmt::print("\nThe ordinary queue was lucky this time; try --workers {} or more --artifacts.\n", settings.workers * 4);
  }
  const auto words = [](const Part& part) {
    return fmt::format("{} of {} checks found damage, {} tasks were given up", part.failed_checks(), part.losses.size(),
                       part.outcome.given_up);
  };
  fmt::print("\nOrdinary queue: {}. (One accident can show in several checks.)\nTurnwise: {}.\n", words(ordinary),
             words(turnwise));
  if (!turnwise.harmed() && all_done && scene_good) {
    return 0;
  }
  fmt::print("Turnwise did NOT keep its promises here: {} of {} tasks done, the three steps went {}.\n", turnwise.outcome.done,
             expected_tasks(scenario), scene_good ? "right" : "wrong");
  return 1;
}

} // namespace

int main(int argc, char** argv) {
  Settings settings;
  std::uint64_t artifacts = settings.scenario.artifacts;
  CLI::App app{"What concurrent jobs do to each other's files under an ordinary queue, and under Turnwise."};
  app.add_option("--url", settings.url, "a running node")->capture_default_str();
  app.add_option("--artifacts", artifacts)->check(CLI::Range(50, 100'000))->capture_default_str();
  app.add_option("--workers", settings.workers)->check(CLI::Range(2, 256))->capture_default_str();
  app.add_option("--seed", settings.scenario.seed, "of the files' contents")->capture_default_str();
  app.add_option("--folder", settings.folder, "a new or empty folder for the files, kept; a temporary one when not given");
  CLI11_PARSE(app, argc, argv);
  settings.scenario.artifacts = artifacts / jobs_per_pipeline * jobs_per_pipeline;
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(settings);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ci-artifacts: %s\n", error.what());
    return 2;
  }
}
