// Watches what a workload does and says what should not have happened: jobs of one subject out of order, two at once, lost or
// done twice. Every number that is reported has passed it.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace turnwise::bench {

/// Where a job stands in its workload: what its payload says.
struct Place {
  std::uint32_t subject{};
  std::uint32_t turn{}; ///< counts the jobs of the subject from 0, in the order of their submits
};

/// One thread. Memory: about 8 bytes per subject and 40 per job that is not done.
class Checker {
public:
  explicit Checker(std::uint32_t subjects) : subjects_(subjects) {}

  void submitted(Place place);
  /// A worker has got the job.
  void started(Place place, std::uint32_t attempt);
  /// The worker is about to say that it is done: from now on the next one may start anywhere.
  void finished(Place place);
  /// The node has accepted that: once for each job.
  void accepted(Place place);

  [[nodiscard]] std::uint64_t submitted_count() const { return submitted_; }
  [[nodiscard]] bool all_done() const { return open_.empty(); }
  /// Executions beyond the first of a job: allowed when they are further attempts, but worth knowing.
  [[nodiscard]] std::uint64_t repeated() const { return repeated_; }
  /// Sentences, at most faults_max of them, and one that says how many more.
  [[nodiscard]] std::vector<std::string> faults() const;

  static constexpr std::size_t faults_max = 20;

private:
  struct Subject {
    std::uint32_t next{};    ///< turn of the job that is due, if the last one is not repeated
    std::uint32_t running{}; ///< executions that have begun and not ended: 0 or 1, or there is a fault
  };
  static std::uint64_t key(Place place) { return (std::uint64_t{place.subject} << 32U) | place.turn; }
  void fault(const std::string& text);

  std::vector<Subject> subjects_;
  std::unordered_set<std::uint64_t> open_; ///< submitted, and not accepted yet
  std::uint64_t submitted_{};
  std::uint64_t repeated_{};
  std::uint64_t fault_count_{};
  std::vector<std::string> faults_;
};

std::string encode_place(Place place);
/// Throws std::runtime_error when the payload is not of this program's making.
Place decode_place(const std::string& payload);

} // namespace turnwise::bench
