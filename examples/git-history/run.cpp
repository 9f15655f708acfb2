#include "examples/git-history/run.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <fmt/core.h>

#include "examples/git-history/fleet.hpp"
#include "examples/git-history/submitter.hpp"
#include "examples/git-history/tree_check.hpp"

namespace turnwise::git_history {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

volatile std::sig_atomic_t interrupted = 0;

/// The folder of a run: what it is for, and that it goes away when nobody needs it.
class WorkFolder {
public:
  explicit WorkFolder(const std::string& wish) : ours_(wish.empty()) {
    if (ours_) {
      auto name = (fs::temp_directory_path() / "git-history-XXXXXX").string();
      if (mkdtemp(name.data()) == nullptr) {
        throw std::runtime_error{"cannot make a folder in " + fs::temp_directory_path().string()};
      }
      path_ = name;
    } else {
      path_ = fs::absolute(wish);
      fs::create_directories(path_);
      if (!fs::is_empty(path_)) {
        throw std::runtime_error{path_.string() + " is not empty; --work-dir needs a new or an empty folder"};
      }
    }
  }
  [[nodiscard]] std::string at(const char* name) const { return (path_ / name).string(); }
  [[nodiscard]] const fs::path& path() const { return path_; }
  void remove_if_ours() const {
    std::error_code ignored;
    if (ours_) {
      fs::remove_all(path_, ignored);
    }
  }
  [[nodiscard]] bool ours() const { return ours_; }

private:
  bool ours_;
  fs::path path_;
};

struct Notes {
  std::uint64_t refused{}, repeated{}, superseded{};
  std::vector<std::string> refusals;
};

Notes read_notes(const std::string& path) {
  Notes notes;
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);) {
    notes.repeated += line.starts_with("repeated:") ? 1 : 0;
    notes.superseded += line.starts_with("superseded:") ? 1 : 0;
    if (!line.starts_with("refused:") && !line.starts_with("the node refuses:")) {
      continue;
    }
    ++notes.refused;
    notes.refusals.push_back(line);
  }
  return notes;
}

class Run {
public:
  Run(const RunSettings& settings, const WorkFolder& folder)
      : settings_(settings),
        folder_(folder),
        url_(settings.url.empty() ? "http://127.0.0.1:" + std::to_string(free_port()) : settings.url),
        name_(fmt::format("{:x}", std::random_device{}())),
        commit_(resolve_commit(settings.repository, settings.revision)),
        fleet_(fleet_settings()),
        submitter_(submit_settings(), open_client(), progress_) {}

  int make() {
    fmt::print("replaying the first-parent history of {} up to {}\n", settings_.repository, commit_);
    if (settings_.kill) {
      fmt::print("killing the node and workers every {:.1f} s on average, seed {}\n",
                 static_cast<double>(settings_.kill_interval.count()) / 1'000, settings_.seed);
    }
    fleet_.start();
    started_ = Clock::now();
    supervise();
    const auto seconds = std::chrono::duration<double>(Clock::now() - started_).count();
    fleet_.stop();
    return verdict(seconds);
  }

private:
  client::Client open_client() const {
    auto client = client::Client::open(url_);
    if (!client) {
      throw std::runtime_error{client.error().detail};
    }
    return std::move(client).value();
  }

  FleetSettings fleet_settings() const {
    FleetSettings fleet;
    const auto address = url_.substr(url_.rfind('/') + 1);
    if (settings_.url.empty() && settings_.database.empty()) {
      fleet.node_command = {settings_.turnwise, "dev", "--data", folder_.at("node"), "--listen", address};
    } else if (settings_.url.empty()) {
      fleet.node_command = {settings_.turnwise, "serve", "--database", settings_.database, "--listen", address};
    }
    for (unsigned i = 1; i <= settings_.workers; ++i) {
      fleet.worker_commands.push_back({settings_.program, "worker", "--url", url_, "--repository", settings_.repository,
                                       "--store", folder_.at("store"), "--log", folder_.at("worker-notes.log"), "--name",
                                       "git-history-" + std::to_string(i), "--run", name_});
    }
    fleet.node_log = folder_.at("node.log");
    fleet.worker_log = folder_.at("workers.log");
    fleet.url = url_;
    return fleet;
  }

  SubmitSettings submit_settings() const {
    SubmitSettings submit;
    submit.repository = settings_.repository;
    submit.commit = commit_;
    submit.run = name_;
    submit.batch = settings_.batch;
    submit.limit = settings_.limit;
    submit.patience = settings_.patience;
    return submit;
  }

  /// Lets the submitter run beside this thread, which keeps the processes alive, kills some, and shows how far things are.
  void supervise() {
    auto submitting = std::async(std::launch::async, [this] {
      submitter_.submit_history();
      submitter_.wait_for_all();
    });
    Nemesis nemesis{settings_.seed, settings_.kill_interval};
    auto last_change = Clock::now();
    std::uint64_t last_sum{};
    try {
      while (submitting.wait_for(milliseconds{20}) != std::future_status::ready) {
        if (interrupted != 0) {
          throw std::runtime_error{"interrupted"};
        }
        fleet_.revive();
        if (settings_.kill) {
          nemesis.act(fleet_);
        }
        show_progress();
        const auto sum = progress_.submitted + progress_.paths_done + count_open();
        if (std::exchange(last_sum, sum) != sum) {
          last_change = Clock::now();
        }
        if (Clock::now() - last_change > settings_.patience) {
          throw std::runtime_error{fmt::format("nothing has happened for {} s", settings_.patience.count())};
        }
      }
    } catch (...) {
      progress_.stop = true;
      submitting.wait();
      throw;
    }
    submitting.get();
    show_progress(Final::yes);
  }

  /// Open jobs as the node says, asked once a second: work goes on while this changes.
  std::uint64_t count_open() {
    if (Clock::now() - asked_at_ < milliseconds{1'000}) {
      return open_;
    }
    asked_at_ = Clock::now();
    if (auto stats = observer_.stats()) {
      open_ = stats->jobs_open;
    }
    return open_;
  }

  enum class Final : bool { no, yes };
  void show_progress(Final final = Final::no) {
    static const bool terminal = isatty(STDOUT_FILENO) == 1;
    const auto now = Clock::now();
    if (final == Final::no && now - shown_at_ < (terminal ? milliseconds{200} : milliseconds{5'000})) {
      return;
    }
    shown_at_ = now;
    const auto seconds = std::chrono::duration<double>(now - started_).count();
    fmt::print("{}{:6.1f} s  submitted {}{}  open {}  paths final {} of {}  killed: node {}, workers {}{}",
               terminal ? "\r\033[K" : "", seconds, progress_.submitted.load(), progress_.all_submitted ? " (all)" : "", open_,
               progress_.paths_done.load(), progress_.paths.load(), fleet_.node_kills(), fleet_.worker_kills(),
               terminal && final == Final::no ? "" : "\n");
    std::fflush(stdout);
  }

  int verdict(double seconds) {
    fmt::print("writing the tree out and comparing it with {}\n", submitter_.reached_commit());
    const FlatStore store{folder_.at("store")};
    auto faults = write_tree(store, submitter_.last_changes(), folder_.at("tree"));
    const auto comparison = compare_tree(folder_.at("tree"), settings_.repository, submitter_.reached_commit());
    const auto notes = read_notes(folder_.at("worker-notes.log"));
    for (const auto* list : {&comparison.differences, &submitter_.failures(), &notes.refusals, &fleet_.surprises()}) {
      faults.insert(faults.end(), list->begin(), list->end());
    }

    const auto changes = progress_.submitted.load();
    const auto story = fmt::format(
        "{} files, {} changes of {} paths in {:.1f} s ({:.0f} changes/s), {} kills of the node, {} of "
        "workers, {} changes attempted again, {} attempts came too late",
        comparison.files, changes, submitter_.last_changes().size(), seconds, static_cast<double>(changes) / seconds,
        fleet_.node_kills(), fleet_.worker_kills(), notes.repeated, notes.superseded);
    if (faults.empty()) {
      fmt::print("equal to {}: {}\n", settings_.limit == 0 ? settings_.revision : submitter_.reached_commit(), story);
      return 0;
    }
    for (const auto& fault : faults) {
      fmt::print("{}\n", fault);
    }
    fmt::print("NOT equal: {} differences; {}\neverything is kept in {}\n", faults.size(), story, folder_.path().string());
    return 1;
  }

  const RunSettings& settings_;
  const WorkFolder& folder_;
  std::string url_;
  std::string name_; ///< of this run: marks its jobs
  std::string commit_;
  Progress progress_;
  Fleet fleet_;
  Submitter submitter_;
  client::Client observer_{open_client()};
  std::uint64_t open_{};
  Clock::time_point asked_at_;
  Clock::time_point started_;
  Clock::time_point shown_at_;
};

} // namespace

int run(const RunSettings& settings) {
  std::signal(SIGPIPE, SIG_IGN);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    std::signal(signal, [](int) { interrupted = 1; });
  }
  const WorkFolder folder{settings.work_dir};
  fmt::print("everything of this run is in {}{}\n", folder.path().string(),
             folder.ours() ? ", which is removed if it ends well" : "");
  const int status = Run{settings, folder}.make();
  if (status == 0) {
    folder.remove_if_ours();
  }
  return status;
}

} // namespace turnwise::git_history
