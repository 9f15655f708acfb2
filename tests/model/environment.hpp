// An environment variable for as long as a scope lasts.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

namespace turnwise::model {

class Environment {
public:
  Environment(std::string name, const std::string& value) : name_(std::move(name)) { setenv(name_.c_str(), value.c_str(), 1); }
  ~Environment() { unsetenv(name_.c_str()); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

private:
  std::string name_;
};

/// The number that the environment gives, else the default.
inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

} // namespace turnwise::model
