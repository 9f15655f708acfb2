// Turns a history into jobs, in order, and waits until all of them are final.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/client/client.hpp"
#include "examples/git-history/change.hpp"
#include "examples/git-history/tree_check.hpp"

namespace turnwise::git_history {

/// Read by the thread that shows it.
struct Progress {
  std::atomic<std::uint64_t> submitted{};
  std::atomic<std::uint64_t> paths_done{};
  std::atomic<std::uint64_t> paths{};
  std::atomic<bool> all_submitted{};
  std::atomic<bool> stop{}; ///< set by the other thread: give up at the next step
};

struct SubmitSettings {
  std::string repository;
  std::string commit;
  std::string run;
  std::size_t batch{1'000};
  std::uint64_t limit{}; ///< stop at the end of the commit that reaches this many changes; 0: none
  std::chrono::milliseconds lease{3'000};
  std::chrono::seconds patience{120}; ///< how long the node may be away at a time
};

/// One thread's work.
class Submitter {
public:
  Submitter(SubmitSettings settings, client::Client client, Progress& progress)
      : settings_(std::move(settings)), client_(std::move(client)), progress_(progress) {}

  /// Submits every change of the history, each batch only after the one before was acknowledged whole.
  /// Throws std::runtime_error when git fails, or the node refuses, or is away for longer than the patience.
  void submit_history();

  /// Waits until the last job of each path is final, and with it all that stood before it; or until no job at all is open.
  /// Throws std::runtime_error as above.
  void wait_for_all();

  [[nodiscard]] const LastChanges& last_changes() const { return last_changes_; }
  /// The commit whose tree is to come out: the one asked for, or an earlier one when there was a limit.
  [[nodiscard]] const std::string& reached_commit() const { return reached_commit_; }
  /// Sentences about jobs that did not succeed, as far as seen: the last one of each path.
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }

private:
  bool take(Change&& change);
  void flush();
  void wait_for(const std::string& path, const std::string& id);
  bool nothing_open();
  client::NewJob job_of(const Change& change) const;
  void check_stop() const;

  SubmitSettings settings_;
  client::Client client_;
  Progress& progress_;

  std::vector<client::NewJob> batch_;
  std::vector<std::string> batch_paths_;
  std::size_t batch_bytes_{};
  std::uint64_t taken_{};
  std::string reached_commit_;
  LastChanges last_changes_;
  std::unordered_map<std::string, std::string> last_jobs_; ///< path → id
  std::vector<std::string> failures_;
  std::chrono::steady_clock::time_point asked_at_;
  bool nothing_open_before_{};
};

} // namespace turnwise::git_history
