#include "bench/usage.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace turnwise::bench {

namespace fs = std::filesystem;

namespace {

struct Process {
  std::string name;
  pid_t parent{};
  double cpu_seconds{};
};

/// Finer than /proc, which counts in hundredths of a second.
double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string read_text(const fs::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
}

double ticks_per_second() {
  return static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::map<pid_t, Process> all_processes() {
  std::map<pid_t, Process> processes;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{"/proc", error}) {
    const auto name = entry.path().filename().string();
    pid_t pid{};
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) {
      continue;
    }
    const auto text = read_text(entry.path() / "stat");
    if (const auto stat = parse_stat(text)) {
      processes[pid] = {std::string{stat->name}, stat->parent, static_cast<double>(stat->ticks) / ticks_per_second()};
    }
  }
  return processes;
}

/// A line of /proc/PID/status or smaps_rollup, in MB: `VmHWM:     1234 kB`
double megabytes_in(const std::string& text, std::string_view name) {
  const auto at = text.find(std::string{name} + ":");
  if (at == std::string::npos) {
    return 0;
  }
  return std::strtod(text.c_str() + at + name.size() + 1, nullptr) / 1024;
}

/// Backends share most of what is resident in each of them: their proportional share is what they cost together.
Usage usage_of(const std::vector<pid_t>& pids, const std::map<pid_t, Process>& processes, bool shared_memory) {
  Usage usage;
  for (const auto pid : pids) {
    const fs::path folder = "/proc/" + std::to_string(pid);
    usage.cpu_seconds += processes.at(pid).cpu_seconds;
    const auto status = read_text(folder / "status");
    const auto resident =
        shared_memory ? megabytes_in(read_text(folder / "smaps_rollup"), "\nPss") : megabytes_in(status, "VmRSS");
    usage.resident_mb += resident;
    usage.resident_peak_mb += shared_memory ? resident : megabytes_in(status, "VmHWM");
  }
  return usage;
}

void collect(pid_t root, const std::map<pid_t, Process>& processes, std::vector<pid_t>& tree) {
  if (!processes.contains(root) || std::ranges::find(tree, root) != tree.end()) {
    return;
  }
  tree.push_back(root);
  for (const auto& [pid, process] : processes) {
    if (process.parent == root) {
      collect(pid, processes, tree);
    }
  }
}

} // namespace

std::optional<ProcessStat> parse_stat(std::string_view text) {
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  std::istringstream fields{std::string{text.substr(close + 1)}};
  std::string state;
  ProcessStat stat{text.substr(open + 1, close - open - 1), 0, 0};
  fields >> state >> stat.parent;
  for (int field = 5; field < 14; ++field) {
    fields >> state;
  }
  std::uint64_t user{}, system{}, children_user{}, children_system{};
  fields >> user >> system >> children_user >> children_system;
  stat.ticks = user + system + children_user + children_system;
  return fields ? std::optional{stat} : std::nullopt;
}

std::uint64_t parse_busy_ticks(std::string_view text) {
  std::istringstream fields{std::string{text.substr(0, text.find('\n'))}};
  std::string name;
  std::uint64_t user{}, nice{}, system{}, idle{}, waiting{}, interrupts{}, soft_interrupts{};
  fields >> name >> user >> nice >> system >> idle >> waiting >> interrupts >> soft_interrupts;
  return user + nice + system + interrupts + soft_interrupts;
}

Costs read_costs(const Processes& wanted) {
  const auto processes = all_processes();
  Costs costs;
  costs.machine_cpu_seconds = static_cast<double>(parse_busy_ticks(read_text("/proc/stat"))) / ticks_per_second();
  costs.client = usage_of({getpid()}, processes, false);
  costs.client.cpu_seconds = own_cpu_seconds();
  std::vector<pid_t> tree, node, postgres;
  if (wanted.node != 0) {
    collect(wanted.node, processes, tree);
  }
  for (const auto pid : tree) {
    (processes.at(pid).name == "postgres" ? postgres : node).push_back(pid);
  }
  if (wanted.postgres != 0) {
    collect(wanted.postgres, processes, postgres);
  }
  if (!node.empty()) {
    costs.node = usage_of(node, processes, false);
  }
  if (!postgres.empty()) {
    costs.postgres = usage_of(postgres, processes, true);
  }
  return costs;
}

} // namespace turnwise::bench
