// Watches what a workload does and says what should not have happened: jobs of one subject out of order, two at once, lost or
// done twice. Every number that is reported has passed it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace turnwise::bench {

/// Where a job stands in its workload: what its payload says.
struct Place {
  std::uint32_t subject{};
  std::uint32_t turn{}; ///< counts the jobs of the subject from 0, in the order of their submits
};

/// One thread. Memory: about 12 bytes per subject.
class Checker {
public:
  explicit Checker(std::uint32_t subjects) : subjects_(subjects) {}

  void submitted() { ++submitted_; }
  /// A worker has got the job.
  void started(Place place, std::uint32_t attempt);
  /// The worker is about to say that it is done: from now on the next one may start anywhere.
  void finished(Place place);
  /// The node has accepted that.
  void accepted() { ++accepted_; }

  [[nodiscard]] std::uint64_t submitted_count() const { return submitted_; }
  [[nodiscard]] std::uint64_t accepted_count() const { return accepted_; }
  [[nodiscard]] bool all_done() const { return accepted_ >= submitted_; }
  [[nodiscard]] std::uint64_t repeated() const { return repeated_; }
  /// Sentences, at most faults_max of them, and one that says how many more.
  [[nodiscard]] std::vector<std::string> faults() const;

  static constexpr std::size_t faults_max = 20;

private:
  struct Subject {
    std::uint32_t next{};
    bool running{};
  };
  void fault(const std::string& text);

  std::vector<Subject> subjects_;
  std::uint64_t submitted_{};
  std::uint64_t accepted_{};
  std::uint64_t repeated_{};
  std::uint64_t fault_count_{};
  std::vector<std::string> faults_;
};

std::string encode_place(Place place);
/// Throws std::runtime_error when the payload is not of this program's making.
Place decode_place(const std::string& payload);

} // namespace turnwise::bench
