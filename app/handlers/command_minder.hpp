// The process that stands over one command: it starts it, keeps the end of its output, and kills it with everything that it
// started. The helper (command_helper.hpp) forks one for each command.
#pragma once

#include "app/handlers/command.hpp"
#include "app/handlers/file_descriptor.hpp"

namespace turnwise::handlers {

/// Runs the command to its end and the end of all its descendants.
///
/// The command leads a process group of its own. Whoever holds the other end of `control` may write a 32-bit number of
/// milliseconds: SIGTERM to the group now, SIGKILL that much later (zero: SIGKILL now). When that end is closed, everything is
/// killed at once: its holder, the node, is gone.
///
/// When the command itself has ended, what it left behind (background processes, daemons in sessions of their own) is killed
/// before the encoded CommandEnd is written to `control`: the next attempt may start the moment it arrives.
///
/// Not caught: processes of other users (a setuid program), and on a kernel without CONFIG_PROC_CHILDREN those that left the
/// process group.
///
/// @param input  the command's stdin
/// @returns the exit status for the minder's process: zero when nothing of the command is left
int mind_command(const CommandRequest& request, FileDescriptor control, FileDescriptor input);

} // namespace turnwise::handlers
