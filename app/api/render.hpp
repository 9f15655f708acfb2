// What clients receive: answers of the model as JSON.
#pragma once

#include <string>
#include <vector>

#include "actors/engine.hpp"
#include "app/json/writer.hpp"
#include "model/clock.hpp"
#include "model/command.hpp"
#include "model/job_id.hpp"
#include "model/job_story.hpp"

namespace turnwise::api {

using json::Writer;

/// A problem document (RFC 9457): type, title, status, detail, pointer.
std::string problem(const model::Error& error);
/// The same as an object within a larger answer.
void write_problem(Writer& out, const model::Error& error);

/// The members that tell of a submitted job; `out` is inside an object.
void write_accepted(Writer& out, const model::Accepted& accepted, std::string_view subject, std::string_view kind);
/// 201 for a new job, 200 for one that was there.
int status_of(const model::Accepted& accepted);

/// One object per claim that was won.
void write_grant(Writer& out, const model::Grant& grant, model::Now now);

/// Members of the answer to a worker's word; `out` is inside an object.
void write_outcome(Writer& out, const model::Outcome& outcome);
void write_extended(Writer& out, const model::Extended& extended);
void write_changed(Writer& out, const model::JobId& job, const model::Changed& changed);

/// The whole document of a hold that was granted.
std::string hold_document(const model::HoldGrant& grant, std::string_view subject);
/// The problem document of a hold that came to a busy subject: with the holder of the turn, the pause, the length of the queue.
std::string busy_document(const model::SubjectBusy& busy, std::string_view subject, model::ShardId shard);
/// The whole document of the answer to pause and resume.
std::string pause_document(std::string_view subject, const std::optional<model::PauseView>& pause);

/// A member that tells of a pause, if there is one; `out` is inside an object.
void write_pause(Writer& out, std::string_view member, const std::optional<model::PauseView>& pause);
/// One object per kind.
/// @param runs_here   how this node runs its jobs itself; may be empty
/// @param new_secret  one that was just made for its push, which is shown this once; may be empty
void write_kind(Writer& out, const actors::KindStatus& status, std::string_view runs_here, std::string_view new_secret = {});

/// What is known of a subject's turn besides the job that is described.
struct TurnContext {
  model::ShardId shard;
  std::optional<model::TurnView> turn;
  std::optional<model::PauseView> pause;
  model::WallTime now;
};

/// One sentence for people that says why the job does not run now, and what it waits for; empty when it runs or is final.
std::string because(const model::JobView& job, const TurnContext& context);

/// The whole document of GET /v1/jobs/{id}.
std::string job_document(const model::JobStory& story, const TurnContext& context);
/// The whole document of GET /v1/subjects/{s}.
std::string subject_document(std::string_view subject, const model::SubjectView& view, model::ShardId shard,
                             model::WallTime now);

} // namespace turnwise::api
