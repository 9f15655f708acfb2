// What processes cost: CPU time and memory, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace turnwise::bench {

struct Usage {
  double cpu_seconds{};      ///< user and system, ended children included
  double resident_mb{};      ///< memory that is resident now
  double resident_peak_mb{}; ///< the most that was ever resident
};

/// Whose cost is counted; 0: not known. A process counts with all that descend from it.
struct Processes {
  pid_t node{};
  pid_t postgres{}; ///< when PostgreSQL is not a descendant of the node; otherwise it is told apart by its name
};

struct Costs {
  Usage client; ///< this process
  std::optional<Usage> node;
  std::optional<Usage> postgres;
  double machine_cpu_seconds{}; ///< of everything on this machine, all cores together
};

/// Processes that end meanwhile are left out. Never throws for a process that is not there.
Costs read_costs(const Processes& processes);

/// What is in /proc/PID/stat: tested by itself, since names may hold spaces and brackets.
struct ProcessStat {
  std::string_view name;
  pid_t parent{};
  std::uint64_t ticks{};
};
std::optional<ProcessStat> parse_stat(std::string_view text);
/// Ticks that were not idle, in the first line of /proc/stat; waiting for a disk is idle, and so is what a hypervisor took.
std::uint64_t parse_busy_ticks(std::string_view text);

} // namespace turnwise::bench
