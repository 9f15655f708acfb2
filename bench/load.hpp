// The two sides of a load: connections that submit, and connections that claim and complete. All run in one Loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "app/client/messages.hpp"
#include "bench/checker.hpp"
#include "bench/transport.hpp"

namespace turnwise::bench {

/// What marks the jobs of one measurement.
struct Label {
  std::string kind;
  std::string subject_prefix;
  std::optional<model::WallTime> due{}; ///< when they may start; at once when it has no value
};

/// Deals out the jobs of a load: whose turn is next. Several sources over disjoint subjects may feed one checker.
class JobSource {
public:
  /// `count` jobs over the subjects first, first + step, … below `end`, one after the other.
  static JobSource round_robin(std::uint64_t count, std::uint32_t first, std::uint32_t step, std::uint32_t end);
  /// `count` jobs over subjects below `end`, drawn at random.
  static JobSource random(std::uint64_t count, std::uint32_t end, std::uint64_t seed);

  [[nodiscard]] bool empty() const { return left_ == 0; }
  Place next();

private:
  std::uint64_t left_{};
  std::uint32_t first_{}, step_{1}, end_{1}, at_{};
  bool drawn_{};
  std::mt19937_64 random_;
  std::vector<std::uint32_t> turns_; ///< given out so far, by subject
};

client::NewJob make_job(const Label& label, Place place);

/// Connections that submit until their sources are empty, each with one request under way.
class Submitters {
public:
  /// @param batch  jobs per request; 1: POST /v1/jobs
  Submitters(Loop& loop, Label label, Checker& checker, std::size_t batch)
      : loop_(loop), label_(std::move(label)), checker_(checker), batch_(batch) {}

  /// One more connection that takes from `source`, which several may share and which must outlive this.
  void add(JobSource& source);
  void start();
  [[nodiscard]] bool done() const { return busy_ == 0; }
  /// How long each request took, milliseconds.
  [[nodiscard]] std::vector<double>& call_ms() { return call_ms_; }

private:
  struct Line {
    JobSource& source;
    std::unique_ptr<Channel> channel;
  };
  void send_next(Line& line);
  void answered(const Reply& reply, std::size_t count);

  Loop& loop_;
  Label label_;
  Checker& checker_;
  std::size_t batch_;
  std::vector<std::unique_ptr<Line>> lines_;
  std::size_t busy_{};
  std::vector<double> call_ms_;
};

struct WorkerSettings {
  unsigned connections{4};
  std::uint32_t claim_max{200};
  std::chrono::milliseconds work{0}; ///< how long each job runs; 0: until the next turn of the loop
};

/// Connections that claim, do nothing, and report success with their next claim. They ask for work until they are destroyed.
/// Unless told otherwise, a job runs until the next turn of the loop: what other connections were given meanwhile is seen
/// first, so that two jobs of a subject that run at once are noticed.
class Workers {
public:
  using OnStart = std::function<void(Place)>;
  Workers(Loop& loop, const Label& label, Checker& checker, const WorkerSettings& settings, OnStart on_start = {});

  void start();

private:
  struct Line {
    std::unique_ptr<Channel> channel;
    client::ClaimRequest request;
    std::vector<Place> running; ///< the jobs of the results in `request`
  };
  void claim(Line& line);
  void answered(Line& line, const Reply& reply, Clock::time_point sent_at);
  void finish(Line& line);

  Loop& loop_;
  Checker& checker_;
  std::chrono::milliseconds work_;
  OnStart on_start_;
  std::vector<std::unique_ptr<Line>> lines_;
};

/// Throws std::runtime_error with what the node said.
void expect_success(const Reply& reply, const char* what);

} // namespace turnwise::bench
