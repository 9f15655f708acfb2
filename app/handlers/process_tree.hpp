// The processes below this one: those it started, and as their subreaper the orphans among their descendants, wherever they
// hid (setsid, double fork). For the helper and the minders, which have one thread and SIGCHLD blocked.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <vector>

namespace turnwise::handlers {

/// Gives this process its name in ps, a blocked SIGCHLD, and the orphans of its descendants as children.
void become_subreaper(const char* name);

/// The direct children of this process. Empty when the kernel does not tell (it was built without CONFIG_PROC_CHILDREN); then
/// what has left its process group cannot be found.
std::vector<pid_t> children_of_this_process();

/// Kills all descendants with SIGKILL, level by level as they become children of this process, and reaps them.
/// @returns whether none is left. False after `patience`: one hangs in the kernel, or belongs to another user.
bool kill_descendants(std::chrono::milliseconds patience);

} // namespace turnwise::handlers
