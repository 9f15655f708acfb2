#include "app/cli/command.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/node/run.hpp"

namespace turnwise::cli {
namespace {

constexpr std::array<Command, 23> all{{
    {"serve", "run a node on a PostgreSQL of yours", serve},
    {"dev", "run a node with a private PostgreSQL in a folder", dev},
    {"migrate", "bring a database to this version's schema, or show its state", migrate},
    {"token", "make, list and revoke tokens", token},
    {"submit", "submit a job", submit},
    {"job", "show, cancel or retry a job", job},
    {"subject", "show a subject: who has the turn, who waits and why", subject},
    {"jobs", "list open jobs by state, kind or subject", jobs},
    {"parked", "list jobs that were set aside", parked},
    {"holds", "list holds: who has a turn without a job, who waits for one", holds},
    {"history", "list the finished jobs of a subject", history},
    {"retry", "send jobs to work again, one or many", retry},
    {"cancel", "cancel jobs, one or many", cancel},
    {"claim", "claim turns as a worker, and say what became of them", claim},
    {"hold", "take a turn of a subject and run a command in it", hold},
    {"pause", "stop a subject, or a kind of jobs", pause},
    {"resume", "let a paused subject or kind go on", resume},
    {"kinds", "list the kinds of jobs", kinds},
    {"kind", "show a kind of jobs, or change what is set for it", kind},
    {"tail", "show what happens, as it happens", tail},
    {"verify", "check the whole journal for what must not be in it", verify},
    {"completion", "print a script that completes commands and options in a shell", completion},
    {"version", "print the version", version},
}};

std::string help() {
  std::string text =
      "Jobs for one subject take turns. Everything else runs in parallel.\n\nusage: turnwise COMMAND [OPTIONS]\n\n";
  for (const Command& command : all) {
    text += fmt::format("  {:<10} {}\n", command.name, command.summary);
  }
  return text + "\n`turnwise COMMAND --help` shows the options of a command.\n";
}

} // namespace

std::span<const Command> commands() {
  return all;
}

int run(int argc, char** argv) {
  const Arguments arguments(argv + std::min(argc, 1), argv + argc);
  const std::string_view name = arguments.empty() ? "" : std::string_view{arguments.front()};
  if (name.empty() || name == "help" || name == "--help" || name == "-h") {
    (name.empty() ? std::cerr : std::cout) << help();
    return name.empty() ? node::exit_usage : node::exit_done;
  }
  for (const Command& command : all) {
    if (command.name == name || (name == "--version" && command.name == "version")) {
      try {
        return command.run(arguments);
      } catch (const CLI::ParseError& fault) { // an option whose value the command itself looked at
        std::cerr << "turnwise: " << fault.what() << '\n';
        return node::exit_usage;
      } catch (const std::exception& fault) {
        std::cerr << "turnwise: " << fault.what() << '\n';
        return node::exit_failed;
      }
    }
  }
  std::cerr << fmt::format("turnwise: there is no command {}\n\n{}", name, help());
  return node::exit_usage;
}

int version(const Arguments&) {
  std::cout << "turnwise " TURNWISE_VERSION "\n";
  return node::exit_done;
}

} // namespace turnwise::cli
