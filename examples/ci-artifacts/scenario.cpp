#include "examples/ci-artifacts/scenario.hpp"

#include <cstring>
#include <random>
#include <stdexcept>

#include "examples/ci-artifacts/handlers.hpp"

namespace turnwise::ci_artifacts {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t schedules = 5;

/// Kinds of loss, in the order in which they are reported.
enum : std::size_t {
  gone,
  damaged,
  half_moved,
  undead,
  log_gone,
  coverage,
  job_status,
  stage,
  pipeline,
  merge_request,
  schedule
};

const std::vector<std::string> loss_texts = {
    "artifacts gone from both stores, though not expired",
    "artifacts with other content than they had",
    "artifacts whose record names the wrong place",
    "artifacts expired, but still there",
    "logs of jobs gone or damaged",
    "jobs without their coverage or sections",
    "jobs without their status",
    "stages that miscounted their jobs",
    "pipelines that never finished or are wrong",
    "merge requests that miscounted their pipelines",
    "schedules that miscounted their runs",
};

std::string make_artifact(const Scenario& scenario, std::uint64_t number) {
  std::mt19937_64 random{scenario.seed * 1'000'003 + number};
  std::string content(32'768 + random() % 480'000, '\0');
  for (std::size_t i = 0; i + 8 <= content.size(); i += 8) {
    const auto bits = random();
    std::memcpy(content.data() + i, &bits, sizeof bits);
  }
  return content;
}

std::uint64_t pipelines(const Scenario& scenario) {
  return scenario.artifacts / jobs_per_pipeline;
}

std::uint64_t merge_requests(const Scenario& scenario) {
  return (pipelines(scenario) + pipelines_per_merge_request - 1) / pipelines_per_merge_request;
}

std::uint64_t log_kilobytes(std::uint64_t job) {
  return 20 + job % 60;
}

void set_up_job(const World& world, std::uint64_t job) {
  const auto name = std::to_string(job);
  write_file(has_legacy_log(job) ? world.legacy_log(name) : world.live_log(name), make_log(job, log_kilobytes(job)));
  world.write(
      subject("job", job),
      {{"status", "running"}, {"log", has_legacy_log(job) ? "legacy" : "live"}, {"seconds", std::to_string(30 + job % 100)}});
}

void set_up_artifact(const World& world, const Scenario& scenario, std::uint64_t number) {
  const auto content = make_artifact(scenario, number);
  write_file(world.in_file_store(std::to_string(number)), content);
  world.write(subject("artifact", number), {{"store", "file-store"}, {"checksum", checksum_of(content)}});
}

std::string value(const Record& record, const char* name) {
  const auto found = record.find(name);
  return found == record.end() ? "" : found->second;
}

Record read_or_empty(const World& world, const std::string& name) {
  return world.has(name) ? world.read(name) : Record{};
}

class Audit {
public:
  Audit(const World& world, const Scenario& scenario) : world_(world), scenario_(scenario) {
    for (const auto& text : loss_texts) {
      losses_.push_back({text, 0});
    }
  }

  std::vector<Loss> make() {
    for (std::uint64_t i = 0; i < scenario_.artifacts; ++i) {
      look_at_artifact(i);
      look_at_job(i);
    }
    for (std::uint64_t i = 0; i < pipelines(scenario_); ++i) {
      look_at_pipeline(i);
    }
    for (std::uint64_t i = 0; i < merge_requests(scenario_); ++i) {
      look_at_merge_request(i);
    }
    for (std::uint64_t i = 0; i < schedules; ++i) {
      look_at_schedule(i);
    }
    return std::move(losses_);
  }

private:
  void expect(bool good, std::size_t loss) { losses_[loss].count += good ? 0 : 1; }

  void look_at_artifact(std::uint64_t number) {
    const auto name = std::to_string(number);
    const auto record = world_.read(subject("artifact", number));
    const auto file = world_.in_file_store(name);
    const auto object = world_.in_object_store(name);
    const bool in_files = fs::exists(file);
    const bool in_objects = fs::exists(object);
    if (expires(number)) {
      return expect(!in_files && !in_objects && value(record, "store") == "erased", undead);
    }
    if (!in_files && !in_objects) {
      return expect(false, gone);
    }
    expect(checksum(in_objects ? object : file) == value(record, "checksum"), damaged);
    expect(in_objects && !in_files && value(record, "store") == "object-store", half_moved);
  }

  void look_at_job(std::uint64_t number) {
    const auto name = std::to_string(number);
    const auto record = world_.read(subject("job", number));
    const auto log = world_.in_file_store("log-" + name);
    const auto wanted = make_log(number, log_kilobytes(number));
    expect(fs::exists(log) && checksum(log) == checksum_of(wanted) && value(record, "log") == "archived" &&
               !fs::exists(world_.live_log(name)) && !fs::exists(world_.legacy_log(name)),
           log_gone);
    expect(!value(record, "coverage").empty() && !value(record, "sections").empty(), coverage);
    expect(value(record, "status") == (is_stuck(number) ? "failed" : "success"), job_status);
  }

  void look_at_pipeline(std::uint64_t number) {
    const auto record = read_or_empty(world_, subject("pipeline", number));
    std::uint64_t seconds{};
    for (auto job = number * jobs_per_pipeline; job < (number + 1) * jobs_per_pipeline; ++job) {
      seconds += 30 + job % 100;
    }
    expect(value(record, "status") == "finished" && value(record, "ended") == std::to_string(jobs_per_pipeline) &&
               value(record, "seconds") == std::to_string(seconds),
           pipeline);
    for (auto i = number * stages_per_pipeline; i < (number + 1) * stages_per_pipeline; ++i) {
      expect(value(read_or_empty(world_, subject("stage", i)), "ended") ==
                 std::to_string(jobs_per_pipeline / stages_per_pipeline),
             stage);
    }
  }

  void look_at_merge_request(std::uint64_t number) {
    const auto record = world_.read(subject("merge_request", number));
    const auto first = number * pipelines_per_merge_request;
    const auto end = std::min(first + pipelines_per_merge_request, pipelines(scenario_));
    expect(value(record, "head") == std::to_string(end - 1) && value(record, "updates") == std::to_string(end - first),
           merge_request);
  }

  void look_at_schedule(std::uint64_t number) {
    const auto record = world_.read(subject("schedule", number));
    const auto runs = std::to_string(pipelines(scenario_) / schedules + (number < pipelines(scenario_) % schedules ? 1 : 0));
    expect(value(record, "runs") == runs && value(record, "checks") == runs, schedule);
  }

  const World& world_;
  const Scenario& scenario_;
  std::vector<Loss> losses_;
};

} // namespace

std::string make_log(std::uint64_t job, std::uint64_t kilobytes) {
  std::string log;
  for (std::uint64_t line = 0; log.size() < kilobytes * 1'024; ++line) {
    if (line % 50 == 0) {
      log += "section_start:" + std::to_string(1'700'000'000 + line) + ":step_" + std::to_string(line / 50) + "\n";
    }
    log += "job " + std::to_string(job) + " line " + std::to_string(line) + ": everything went as it was meant to go\n";
  }
  return log += "Coverage: " + std::to_string(50 + job % 50) + "%\n";
}

void set_up(const World& world, const Scenario& scenario) {
  for (std::uint64_t i = 0; i < scenario.artifacts; ++i) {
    set_up_artifact(world, scenario, i);
    set_up_job(world, i);
  }
  for (std::uint64_t i = 0; i < merge_requests(scenario); ++i) {
    world.write(subject("merge_request", i), {{"head", "0"}, {"updates", "0"}});
  }
  for (std::uint64_t i = 0; i < schedules; ++i) {
    world.write(subject("schedule", i), {{"runs", "0"}, {"checks", "0"}});
  }
}

std::vector<Task> first_tasks(const Scenario& scenario) {
  std::vector<Task> tasks;
  for (std::uint64_t i = 0; i < pipelines(scenario); ++i) {
    tasks.push_back({"pipeline_schedule", subject("schedule", i % schedules), i});
  }
  return tasks;
}

std::uint64_t expected_tasks(const Scenario& scenario) {
  std::uint64_t tasks = pipelines(scenario) * 6;
  for (std::uint64_t i = 0; i < scenario.artifacts; ++i) {
    tasks += 2 * cron_rounds + 2 + (expires(i) ? 1 : 0) + (is_stuck(i) ? 0 : 1) + 1 + 2;
  }
  return tasks;
}

std::vector<Loss> audit(const World& world, const Scenario& scenario) {
  return Audit{world, scenario}.make();
}

} // namespace turnwise::ci_artifacts
