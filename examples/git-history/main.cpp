// git-history: replays the history of a git repository as jobs, one per changed file and commit, and proves at the end that
// the result is the repository's tree, whatever was killed on the way. See README.md beside this file.
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <random>

#include <CLI/CLI.hpp>

#include "examples/git-history/run.hpp"
#include "examples/git-history/worker.hpp"

namespace {

using turnwise::git_history::RunSettings;
using turnwise::git_history::WorkerSettings;

void add_run_options(CLI::App& app, RunSettings& settings, double& kill_every, unsigned& patience) {
  app.add_option("REPOSITORY", settings.repository, "a git repository");
  app.add_option("--revision", settings.revision, "replay the history up to here")->capture_default_str();
  auto* url = app.add_option("--url", settings.url, "a running node, http://host:port");
  auto* turnwise = app.add_option("--turnwise", settings.turnwise, "start a node with this program instead")->excludes(url);
  app.add_option("--database", settings.database, "PostgreSQL for that node; without it, it brings its own")->needs(turnwise);
  app.add_option("--workers", settings.workers, "worker processes")->check(CLI::Range(1, 64))->capture_default_str();
  app.add_flag("--kill", settings.kill, "kill -9 the node (if it is ours) and workers at random moments");
  app.add_option("--kill-every", kill_every,
                 "seconds between kills, on average; much below the lease (3 s) nothing killed can be taken up again")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--seed", settings.seed, "of the kills; random and printed when not given");
  app.add_option("--limit", settings.limit, "stop at the end of the commit that reaches this many changes");
  app.add_option("--batch", settings.batch, "jobs per submit")->check(CLI::Range(1, 10'000))->capture_default_str();
  app.add_option("--work-dir", settings.work_dir, "a new or empty folder for everything; kept");
  app.add_option("--patience", patience, "seconds without any progress after which to give up")->capture_default_str();
}

void add_worker_options(CLI::App& app, WorkerSettings& settings) {
  app.add_option("--url", settings.url)->required();
  app.add_option("--repository", settings.repository)->required();
  app.add_option("--store", settings.store)->required();
  app.add_option("--log", settings.log)->required();
  app.add_option("--name", settings.name)->required();
  app.add_option("--run", settings.run)->required();
}

} // namespace

int main(int argc, char** argv) {
  RunSettings settings;
  settings.seed = std::random_device{}();
  double kill_every = 4;
  unsigned patience = 120;
  CLI::App app{"Replays the first-parent history of a git repository as jobs and compares the result with its tree."};
  add_run_options(app, settings, kill_every, patience);
  WorkerSettings worker_settings;
  auto* worker = app.add_subcommand("worker", "one worker process; started by git-history itself")->group("");
  add_worker_options(*worker, worker_settings);
  CLI11_PARSE(app, argc, argv);

  try {
    std::signal(SIGPIPE, SIG_IGN);
    if (worker->parsed()) {
      return turnwise::git_history::run_worker(worker_settings);
    }
    if (settings.repository.empty()) {
      throw std::runtime_error{"which repository? See --help"};
    }
    if (settings.url.empty() && settings.turnwise.empty()) {
      throw std::runtime_error{"--url of a running node, or --turnwise, the program to start one with?"};
    }
    settings.program = std::filesystem::read_symlink("/proc/self/exe").string();
    settings.repository = std::filesystem::absolute(settings.repository).string();
    settings.kill_interval = std::chrono::milliseconds{static_cast<std::int64_t>(kill_every * 1'000)};
    settings.patience = std::chrono::seconds{patience};
    return turnwise::git_history::run(settings);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "git-history: %s\n", error.what());
    return 2;
  }
}
