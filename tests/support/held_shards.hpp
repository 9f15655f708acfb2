// Holds the rows that every fence needs, so that a node's next write waits until it is told otherwise.
#pragma once

#include <memory>
#include <string>

namespace turnwise::tests {

class HeldShards {
public:
  explicit HeldShards(const std::string& connection);
  ~HeldShards();
  HeldShards(const HeldShards&) = delete;
  HeldShards& operator=(const HeldShards&) = delete;

  /// Waits until a session of this database waits for the rows; throws std::runtime_error when none does in 20 s.
  void wait_for_waiter();
  /// Lets them go.
  void release();

private:
  struct Session;
  std::unique_ptr<Session> session_;
};

} // namespace turnwise::tests
