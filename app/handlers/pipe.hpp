// Two ends of a pipe.
#pragma once

#include <array>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

#include "app/handlers/file_descriptor.hpp"

namespace turnwise::handlers {

struct Pipe {
  FileDescriptor read_end;
  FileDescriptor write_end;
};

/// Neither end is inherited by programs. Nothing when the system has no more descriptors.
inline std::optional<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return std::nullopt;
  }
  return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

} // namespace turnwise::handlers
