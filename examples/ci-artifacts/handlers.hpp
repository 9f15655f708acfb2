// The sixteen kinds of work. Each handler was written by somebody who thought of nothing but this one piece of work: it reads a
// record, works on files, writes the record. None of them knows of the others, takes a lock, or asks whether it is alone.
//
// | kind | subject | what it does |
// |---|---|---|
// | pipeline_schedule | schedule | notes the check, leaves run_pipeline_schedule behind |
// | run_pipeline_schedule | schedule | counts the run, leaves create_pipeline behind (argument: number of the pipeline) |
// | create_pipeline | pipeline | makes the records of pipeline and stages, leaves the work on its jobs behind |
// | create_trace_artifact | job | moves the log of a finished job from its live place into the file store |
// | archive_legacy_trace | job | the same for logs that older versions kept elsewhere |
// | build_coverage | job | finds the test coverage in the log |
// | build_trace_sections | job | counts the sections of the log |
// | build_success | job | marks the job as successful, leaves stage_update and pipeline_process behind |
// | stuck_ci_jobs | job | marks a job that is stuck as failed, with the same consequences |
// | object_storage_background_move | artifact | moves an artifact from the file store to the object store |
// | expire_build_artifacts | artifact | erases an artifact wherever it is |
// | stage_update | stage | counts a job that has ended |
// | pipeline_process | pipeline | counts it too; after the last one leaves the three below behind |
// | pipeline_update | pipeline | sets the status |
// | pipeline_metrics | pipeline | adds up what its jobs took |
// | update_head_pipeline_for_merge_request | merge_request | notes the newest pipeline (argument: its number) |
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "examples/ci-artifacts/task.hpp"
#include "examples/ci-artifacts/world.hpp"

namespace turnwise::ci_artifacts {

inline constexpr std::uint64_t jobs_per_pipeline = 10;
inline constexpr std::uint64_t stages_per_pipeline = 2;
inline constexpr std::uint64_t pipelines_per_merge_request = 5;

constexpr std::uint64_t stage_of(std::uint64_t job) {
  return job / (jobs_per_pipeline / stages_per_pipeline);
}
constexpr std::uint64_t pipeline_of(std::uint64_t job) {
  return job / jobs_per_pipeline;
}
/// What has become of artifact and job of this number in the end: a third of the artifacts expire, a few jobs are stuck, and
/// every other log is of the old kind.
constexpr bool expires(std::uint64_t artifact) {
  return artifact % 3 == 0;
}
constexpr bool is_stuck(std::uint64_t job) {
  return job % 25 == 7;
}
constexpr bool has_legacy_log(std::uint64_t job) {
  return job % 2 == 1;
}
/// How often the cron kinds find the same thing to do before it is done.
inline constexpr std::uint64_t cron_rounds = 2;

std::string subject(const char* type, std::uint64_t number);
std::uint64_t number_of(const std::string& subject);

std::vector<std::string> all_kinds();

/// Does the work of a task. Throws std::exception when it cannot; it may be tried again then.
void handle(const World& world, const Task& task, const Enqueue& enqueue);

} // namespace turnwise::ci_artifacts
