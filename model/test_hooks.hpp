// Failpoints and mutants: what the tests arm to kill a process at a chosen line, or to take a safety rule out and see that a
// test notices. Only in builds with TURNWISE_TEST_HOOKS; in a release both are nothing.
#pragma once

#ifdef TURNWISE_TEST_HOOKS
#include <string_view>

namespace turnwise::model {
/// Does what TURNWISE_FAILPOINTS ("name=abort,name=sleep:500,name=abort@3,…") asks for at this point: `abort` is kill -9 of
/// this process, `sleep:MS` waits, `error` makes the function return true; `@N` only at the N-th time. The first action is
/// written to stderr.
bool failpoint(std::string_view name);
/// Whether TURNWISE_MUTANTS ("M1,M6,…") names this rule. Read at every call, so a test may set and clear it.
bool mutant(std::string_view name);
} // namespace turnwise::model

#define TURNWISE_FAILPOINT(name) ::turnwise::model::failpoint(name)
#define TURNWISE_MUTANT(name) ::turnwise::model::mutant(name)
#else
#define TURNWISE_FAILPOINT(name) false
#define TURNWISE_MUTANT(name) false
#endif
