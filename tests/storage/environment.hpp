// Environment variables for the length of a scope: how tests arm failpoints and mutants. And waiting for an event.
#pragma once

#include <chrono>
#include <cstdlib>
#include <string>

namespace turnwise::storage {

class ScopedVariable {
public:
  ScopedVariable(std::string name, const std::string& value) : name_(std::move(name)) {
    setenv(name_.c_str(), value.c_str(), 1);
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ~ScopedVariable() { unsetenv(name_.c_str()); }

private:
  std::string name_;
};

/// Asks again and again, for at most half a minute, whether something has happened. The question is a round trip to a server.
template <class Question>
bool eventually(Question&& has_happened) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!has_happened()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
  }
  return true;
}

} // namespace turnwise::storage
