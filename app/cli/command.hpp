// app/cli is the command line: one function per command, each with its own options and help.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace turnwise::cli {

/// argv of a command: its own name first.
using Arguments = std::vector<std::string>;

struct Command {
  std::string_view name;
  std::string_view summary;
  /// @returns the status of the process, see node::Exit and client_calls.hpp
  int (*run)(const Arguments& arguments);
};

/// All commands, in the order in which help shows them.
std::span<const Command> commands();

/// Runs the command that the arguments name; both as main has them. @returns the status of the process
int run(int argc, char** argv);

int serve(const Arguments& arguments);
int dev(const Arguments& arguments);
int migrate(const Arguments& arguments);
int token(const Arguments& arguments);
int submit(const Arguments& arguments);
int job(const Arguments& arguments);
int subject(const Arguments& arguments);
int jobs(const Arguments& arguments);
int parked(const Arguments& arguments);
int holds(const Arguments& arguments);
int history(const Arguments& arguments);
int retry(const Arguments& arguments);
int cancel(const Arguments& arguments);
int claim(const Arguments& arguments);
int hold(const Arguments& arguments);
int pause(const Arguments& arguments);
int resume(const Arguments& arguments);
int kinds(const Arguments& arguments);
int kind(const Arguments& arguments);
int tail(const Arguments& arguments);
int verify(const Arguments& arguments);
int completion(const Arguments& arguments);
int version(const Arguments& arguments);

} // namespace turnwise::cli
