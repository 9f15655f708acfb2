// The small process that starts commands for a node. The node forks it (spawner.hpp) before it has threads, since after that
// a fork may find locks taken by threads that the child does not have.
//
//   node ──spec──▶ helper ──fork──▶ minder ──fork──▶ command ──▶ whatever it starts
//     └────────────── control ────────┘
//
// The helper holds no state but the list of its minders. Each command has a minder, which is the subreaper of all that the
// command starts, so that nothing of it can hide; the node talks with the minder directly.
//
// Process libraries (Boost.Process among them) start children of the calling process and know their groups; none of them sees
// to it that nothing is left of a command when its starter is killed. That is the whole purpose here, hence plain system calls.
//
// The node died (kill -9): helper and minders see their sockets closed and kill everything. The helper died: commands go on
// under their minders, new ones cannot be started. A minder died: its command is killed by PR_SET_PDEATHSIG, what the command
// had started falls to the helper, which kills it, and the node sees the control socket closed.
#pragma once

#include "app/handlers/file_descriptor.hpp"

namespace turnwise::handlers {

/// Says in a packet that it is ready, then serves until the other end of `orders` is closed; then kills all commands and ends
/// the process. Each order is one packet: an encoded CommandRequest, and with it two descriptors, the control socket and the
/// command's stdin.
[[noreturn]] void serve_commands(FileDescriptor orders);

} // namespace turnwise::handlers
