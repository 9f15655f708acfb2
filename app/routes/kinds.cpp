// Kinds: how their jobs are tried, how many run at a time, who has stopped them.
#include <fmt/format.h>

#include "app/api/headers.hpp"
#include "app/api/render.hpp"
#include "app/http/response.hpp"
#include "app/routes/collector.hpp"
#include "app/routes/routes.hpp"
#include "model/subject.hpp"

namespace turnwise::routes {
namespace {

using http::problem_response;
using model::Ticket;

model::Result<std::string> read_kind(const Request& request) {
  if (const auto checked = model::check_kind(request.parameters.front()); !checked) {
    return checked.error();
  }
  return request.parameters.front();
}

void write(json::Writer& out, const Context& context, const actors::KindStatus& status, std::string_view new_secret = {}) {
  const auto own = context.runs_here.find(status.kind.name);
  const std::string_view pushed = status.kind.settings.push ? "push" : "";
  api::write_kind(out, status, own == context.runs_here.end() ? pushed : own->second, new_secret);
}

/// The kind as it is here; one that nobody has used yet has nothing set.
actors::KindStatus status_of(const Context& context, const std::string& name) {
  auto status = context.engine.kind(name).value_or(actors::KindStatus{});
  status.kind.name = name;
  return status;
}

Response kind_response(const Context& context, const actors::KindStatus& status, std::string_view new_secret = {}) {
  json::Writer out;
  write(out, context, status, new_secret);
  auto response = json_response(200, std::move(out).take());
  response.fields.emplace_back("ETag", fmt::format("\"{}\"", status.kind.revision));
  return response;
}

/// A secret that was made for the change, if the kind has it now.
std::string new_secret(const model::Kind& kind, const std::optional<model::SecretChange>& made) {
  const auto& push = kind.settings.push;
  return made && push && !push->secrets.empty() && push->secrets.front().text == made->text ? made->text : "";
}

/// @param change  a variable of the caller, moved from: the compiler of Debian 12 destroys a temporary with members twice when
/// it
///                is made in the operand of co_await
Answered carry_out(Context& context, model::KindChange change) {
  const std::string name = change.kind;
  const auto* put = std::get_if<model::PutKind>(&change.what);
  const auto made = put != nullptr && put->secret_is_new ? put->secret : std::nullopt;
  const auto changed =
      co_await ask_engine<std::shared_ptr<const model::Kind>>(context.engine_timeout, Effect::write, [&](Ticket ticket) {
        context.engine.change_kind(std::move(change), std::move(ticket));
      });
  if (!changed) {
    co_return problem_response(changed.error());
  }
  auto status = status_of(context, name);
  status.kind = **changed; // and not what somebody else made of it since
  co_return kind_response(context, status, new_secret(status.kind, made));
}

} // namespace

Answered list_kinds(Context& context, Request) {
  json::Writer out;
  out.begin_object().key("kinds").begin_array();
  for (const auto& status : context.engine.kinds()) {
    write(out, context, status);
  }
  out.end_array().end_object();
  co_return json_response(200, std::move(out).take());
}

Answered show_kind(Context& context, Request request) {
  const auto kind = read_kind(request);
  co_return kind ? kind_response(context, status_of(context, *kind)) : problem_response(kind.error());
}

Answered put_kind(Context& context, Request request) {
  const auto kind = read_kind(request);
  const auto revision = kind ? api::if_match_revision(request.field("if-match")) : kind.error();
  const auto body = revision ? body_object(request) : revision.error();
  auto put = body ? api::parse_kind_settings(body->get_object(), context.limits) : body.error();
  if (!put) {
    co_return problem_response(put.error());
  }
  put->only_at = *revision;
  model::KindChange change{*kind, std::move(*put)};
  co_return co_await carry_out(context, std::move(change));
}

Answered pause_kind(Context& context, Request request) {
  const auto kind = read_kind(request);
  const auto body = kind ? body_object(request) : kind.error();
  auto words = body ? api::parse_words(body->get_object(), api::Wants::by_and_why) : body.error();
  if (!words) {
    co_return problem_response(words.error());
  }
  model::KindChange change{*kind, model::PauseKind{std::move(words->by), std::move(words->why)}};
  co_return co_await carry_out(context, std::move(change));
}

Answered resume_kind(Context& context, Request request) {
  const auto kind = read_kind(request);
  const auto body = kind ? body_object(request) : kind.error();
  auto words = body ? api::parse_words(body->get_object(), api::Wants::by) : body.error();
  if (!words) {
    co_return problem_response(words.error());
  }
  model::KindChange change{*kind, model::ResumeKind{std::move(words->by)}};
  co_return co_await carry_out(context, std::move(change));
}

} // namespace turnwise::routes
