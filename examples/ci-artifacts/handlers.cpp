#include "examples/ci-artifacts/handlers.hpp"

#include <map>
#include <stdexcept>

namespace turnwise::ci_artifacts {

namespace fs = std::filesystem;

namespace {

struct Context {
  const World& world;
  const Task& task;
  const Enqueue& enqueue;

  [[nodiscard]] std::uint64_t number() const { return number_of(task.subject); }
  [[nodiscard]] std::string name() const { return std::to_string(number()); }
};

std::uint64_t count_in(const Record& record, const char* name) {
  const auto found = record.find(name);
  return found == record.end() ? 0 : std::stoull(found->second);
}

bool changed_before(const Context& context, const Record& record) {
  const auto last = record.find("last_change_by");
  return last != record.end() && last->second == context.task.id;
}

/// Reads the subject's record, changes it, writes it. A repeated attempt finds its own id and leaves the record alone: that one
/// id is enough, because within a turn nobody else writes. Returns the record as it is afterwards.
template <class Change>
Record change_record(const Context& context, Change change) {
  auto record = context.world.read(context.task.subject);
  if (changed_before(context, record)) {
    return record;
  }
  change(record);
  record["last_change_by"] = context.task.id;
  context.world.write(context.task.subject, record);
  return record;
}

Record count_up(const Context& context, const char* name) {
  return change_record(context, [&](Record& record) { record[name] = std::to_string(count_in(record, name) + 1); });
}

/// Moves a file the careful way: upload, compare, and only then delete. An upload that fails leaves nothing behind.
void move_file(const fs::path& from, const fs::path& to) {
  const auto sum = checksum(from);
  try {
    upload(from, to);
    if (checksum(to) != sum) {
      throw std::runtime_error{to.string() + " is not what was uploaded"};
    }
  } catch (...) {
    fs::remove(to);
    throw;
  }
}

// ── Logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

std::string log_name(const Context& context) {
  return "log-" + context.name();
}

fs::path log_place(const Context& context, const Record& job) {
  const auto& place = job.at("log");
  return place == "live"     ? context.world.live_log(context.name())
         : place == "legacy" ? context.world.legacy_log(context.name())
                             : context.world.in_file_store(log_name(context));
}

void archive_log(const Context& context, const char* place) {
  if (context.world.read(context.task.subject)["log"] != place) {
    return; // done before
  }
  const auto from =
      place == std::string{"live"} ? context.world.live_log(context.name()) : context.world.legacy_log(context.name());
  move_file(from, context.world.in_file_store(log_name(context)));
  change_record(context, [](Record& job) { job["log"] = "archived"; });
  fs::remove(from);
}

void create_trace_artifact(const Context& context) {
  archive_log(context, "live");
}

void archive_legacy_trace(const Context& context) {
  archive_log(context, "legacy");
}

void build_coverage(const Context& context) {
  change_record(context, [&](Record& job) {
    const auto log = read_file(log_place(context, job));
    const auto at = log.rfind("Coverage: ");
    job["coverage"] = at == std::string::npos ? "none" : log.substr(at + 10, log.find('%', at) - at - 10);
  });
}

void build_trace_sections(const Context& context) {
  change_record(context, [&](Record& job) {
    const auto log = read_file(log_place(context, job));
    std::uint64_t sections{};
    for (auto at = log.find("section_start:"); at != std::string::npos; at = log.find("section_start:", at + 1)) {
      ++sections;
    }
    job["sections"] = std::to_string(sections);
  });
}

// ── Artifacts ────────────────────────────────────────────────────────────────────────────────────────────────────────────

void object_storage_background_move(const Context& context) {
  const auto artifact = context.world.read(context.task.subject);
  if (artifact.at("store") != "file-store") {
    return; // moved or erased before
  }
  const auto from = context.world.in_file_store(context.name());
  move_file(from, context.world.in_object_store(context.name()));
  change_record(context, [](Record& record) { record["store"] = "object-store"; });
  fs::remove(from);
}

void expire_build_artifacts(const Context& context) {
  const auto artifact = context.world.read(context.task.subject);
  if (artifact.at("store") == "file-store") {
    fs::remove(context.world.in_file_store(context.name()));
  }
  if (artifact.at("store") == "object-store") {
    fs::remove(context.world.in_object_store(context.name()));
  }
  change_record(context, [](Record& record) { record["store"] = "erased"; });
}

// ── Jobs, stages, pipelines ──────────────────────────────────────────────────────────────────────────────────────────────

void end_job(const Context& context, const char* status) {
  change_record(context, [&](Record& job) { job["status"] = status; });
  const auto job = context.number();
  context.enqueue(
      {{"stage_update", subject("stage", stage_of(job))}, {"pipeline_process", subject("pipeline", pipeline_of(job))}});
}

void build_success(const Context& context) {
  end_job(context, "success");
}

void stuck_ci_jobs(const Context& context) {
  const auto job = context.world.read(context.task.subject);
  if (is_stuck(context.number()) && (job.at("status") == "running" || changed_before(context, job))) {
    end_job(context, "failed");
  } else {
    count_up(context, "checks");
  }
}

void stage_update(const Context& context) {
  count_up(context, "ended");
}

void pipeline_process(const Context& context) {
  const auto pipeline = count_up(context, "ended");
  if (count_in(pipeline, "ended") < jobs_per_pipeline) {
    return;
  }
  const auto number = context.number();
  context.enqueue(
      {{"pipeline_update", context.task.subject},
       {"pipeline_metrics", context.task.subject},
       {"update_head_pipeline_for_merge_request", subject("merge_request", number / pipelines_per_merge_request), number}});
}

void pipeline_update(const Context& context) {
  change_record(context, [](Record& pipeline) { pipeline["status"] = "finished"; });
}

void pipeline_metrics(const Context& context) {
  change_record(context, [&](Record& pipeline) {
    std::uint64_t seconds{};
    const auto first = context.number() * jobs_per_pipeline;
    for (auto job = first; job < first + jobs_per_pipeline; ++job) {
      seconds += count_in(context.world.read(subject("job", job)), "seconds");
    }
    pipeline["seconds"] = std::to_string(seconds);
  });
}

void update_head_pipeline_for_merge_request(const Context& context) {
  change_record(context, [&](Record& merge_request) {
    merge_request["head"] = std::to_string(std::max(count_in(merge_request, "head"), context.task.argument));
    merge_request["updates"] = std::to_string(count_in(merge_request, "updates") + 1);
  });
}

/// What happens to a job and its artifact while it is fresh: much, and all at the same time.
void add_work_on_job(std::uint64_t job, std::vector<Task>& work) {
  const auto on_job = subject("job", job);
  const auto on_artifact = subject("artifact", job);
  const char* archive = has_legacy_log(job) ? "archive_legacy_trace" : "create_trace_artifact";
  for (std::uint64_t round = 0; round < cron_rounds; ++round) {
    work.push_back({archive, on_job});
    work.push_back({"object_storage_background_move", on_artifact});
  }
  work.push_back({"build_coverage", on_job});
  work.push_back({"build_trace_sections", on_job});
  if (expires(job)) {
    work.push_back({"expire_build_artifacts", on_artifact});
  }
  if (!is_stuck(job)) {
    work.push_back({"build_success", on_job});
  }
  work.push_back({"stuck_ci_jobs", on_job});
}

void create_pipeline(const Context& context) {
  const auto number = context.number();
  if (!context.world.has(context.task.subject)) {
    const auto first = number * stages_per_pipeline;
    for (auto stage = first; stage < first + stages_per_pipeline; ++stage) {
      context.world.write(subject("stage", stage), {{"ended", "0"}});
    }
    context.world.write(context.task.subject, {{"status", "running"}, {"ended", "0"}});
  }
  std::vector<Task> work;
  for (auto job = number * jobs_per_pipeline; job < (number + 1) * jobs_per_pipeline; ++job) {
    add_work_on_job(job, work);
  }
  context.enqueue(std::move(work));
}

void run_pipeline_schedule(const Context& context) {
  count_up(context, "runs");
  context.enqueue({{"create_pipeline", subject("pipeline", context.task.argument)}});
}

void pipeline_schedule(const Context& context) {
  count_up(context, "checks");
  context.enqueue({{"run_pipeline_schedule", context.task.subject, context.task.argument}});
}

using Handler = void (*)(const Context&);

const std::map<std::string, Handler> handlers = {
    {"create_pipeline", create_pipeline},
    {"run_pipeline_schedule", run_pipeline_schedule},
    {"build_coverage", build_coverage},
    {"build_trace_sections", build_trace_sections},
    {"create_trace_artifact", create_trace_artifact},
    {"expire_build_artifacts", expire_build_artifacts},
    {"object_storage_background_move", object_storage_background_move},
    {"pipeline_metrics", pipeline_metrics},
    {"update_head_pipeline_for_merge_request", update_head_pipeline_for_merge_request},
    {"build_success", build_success},
    {"pipeline_process", pipeline_process},
    {"pipeline_update", pipeline_update},
    {"stage_update", stage_update},
    {"pipeline_schedule", pipeline_schedule},
    {"stuck_ci_jobs", stuck_ci_jobs},
    {"archive_legacy_trace", archive_legacy_trace},
};

} // namespace

std::vector<std::string> all_kinds() {
  std::vector<std::string> kinds;
  for (const auto& [kind, handler] : handlers) {
    kinds.push_back(kind);
  }
  return kinds;
}

std::string subject(const char* type, std::uint64_t number) {
  return std::string{type} + ":" + std::to_string(number);
}

std::uint64_t number_of(const std::string& subject) {
  return std::stoull(subject.substr(subject.find(':') + 1));
}

void handle(const World& world, const Task& task, const Enqueue& enqueue) {
  const auto handler = handlers.find(task.kind);
  if (handler == handlers.end()) {
    throw std::runtime_error{"there is no handler for " + task.kind};
  }
  handler->second({world, task, enqueue});
}

} // namespace turnwise::ci_artifacts
