// A program that a test starts and watches.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/handlers/file_descriptor.hpp"

namespace turnwise::tests {

using Environment = std::map<std::string, std::string>;

/// Killed with -9 at the end, if it still runs.
class Child {
public:
  /// @param environment  on top of the test's own
  Child(const std::string& program, const std::vector<std::string>& arguments, const Environment& environment = {});
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Nothing when it has ended.
  void signal(int number) const;
  /// @returns its exit status, or 128 + the signal that ended it; nothing when it still runs then.
  std::optional<int> wait_for_end(std::chrono::milliseconds wait);
  [[nodiscard]] bool runs() { return !wait_for_end(std::chrono::milliseconds{0}); }

private:
  pid_t pid_{};
  handlers::FileDescriptor handle_;
  std::optional<int> status_;
};

} // namespace turnwise::tests
