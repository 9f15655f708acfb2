// A loopback of the test's own, so that a program which listens on a fixed port meets nobody there.
#pragma once

#include "app/handlers/file_descriptor.hpp"

namespace turnwise::tests {

/// While it lives, this thread and the processes that it starts are in a network of their own, where the system permits that
/// (root); else nothing is changed. Unix sockets are reached as before.
class OwnNetwork {
public:
  OwnNetwork();
  ~OwnNetwork();
  OwnNetwork(const OwnNetwork&) = delete;
  OwnNetwork& operator=(const OwnNetwork&) = delete;

private:
  handlers::FileDescriptor before_;
};

} // namespace turnwise::tests
