// The bodies of holds and pauses.
#include <fmt/format.h>

#include "app/api/object_reader.hpp"
#include "app/api/requests.hpp"
#include "model/limits.hpp"

namespace turnwise::api {
namespace {

using model::Error;
using model::OnBusy;

constexpr std::string_view hold_members = "a hold has owner, ttl, on_busy, wait, defer";

/// The job that takes the hold's place, with its subject.
Result<model::NewJob> parse_deferred(const std::string& subject, const boost::json::object& object,
                                     const RequestLimits& limits) {
  if (object.contains("subject")) {
    return Error{model::Errc::malformed, "the job of defer has the subject of its hold: leave it out", "/defer/subject"};
  }
  boost::json::object whole = object;
  whole["subject"] = subject;
  auto job = parse_new_job(whole, KeyPlace::header, limits);
  if (!job) {
    Error error = job.error();
    error.pointer.insert(0, "/defer");
    return error;
  }
  return job;
}

} // namespace

Result<actors::HoldRequest> parse_hold(const std::string& subject, const boost::json::object& object,
                                       const RequestLimits& limits) {
  static constexpr std::pair<std::string_view, OnBusy> choices[] = {
      {"wait", OnBusy::wait}, {"skip", OnBusy::skip}, {"defer", OnBusy::defer}};
  actors::HoldRequest request;
  request.subject = subject;
  ObjectReader in(object, "");
  request.owner = in.short_text("owner", model::hold_owner_bytes_max).value_or("");
  if (request.owner.empty()) {
    in.refuse("owner", "owner is missing: say who holds the subject, for the people who will look");
  }
  const auto ttl = in.duration("ttl", limits.lease_min, model::lease_max);
  if (!ttl) {
    in.refuse("ttl", "ttl is missing: say how long the hold lasts unless it is renewed, like \"30s\"");
  }
  request.ttl = ttl.value_or(milliseconds{0});
  const auto on_busy = choice(in, "on_busy", choices);
  if (!on_busy) {
    in.refuse("on_busy", "on_busy is missing: \"wait\", \"skip\" or \"defer\"");
  }
  request.on_busy = on_busy.value_or(OnBusy::skip);
  if (const auto wait = in.duration("wait", milliseconds{0}, model::hold_wait_max)) {
    request.wait = *wait;
    if (request.on_busy != OnBusy::wait) {
      in.refuse("wait", "wait goes with on_busy \"wait\" only");
    }
  } else if (request.on_busy == OnBusy::wait) {
    request.wait = model::hold_wait_max;
  }
  const auto* deferred = in.object("defer");
  if ((deferred != nullptr) != (request.on_busy == OnBusy::defer)) {
    in.refuse("defer", "defer is the job that takes the hold's place with on_busy \"defer\": both or neither");
  } else if (deferred != nullptr) {
    if (auto job = parse_deferred(subject, *deferred, limits)) {
      request.deferred = std::move(*job);
    } else {
      in.refuse(job.error());
    }
  }
  if (auto fault = std::move(in).fault(hold_members)) {
    return std::move(*fault);
  }
  return request;
}

Result<std::optional<milliseconds>> parse_renewal(const boost::json::object& object, const RequestLimits& limits) {
  ObjectReader in(object, "");
  const auto ttl = in.duration("ttl", limits.lease_min, model::lease_max);
  if (auto fault = std::move(in).fault("a renewal has ttl")) {
    return std::move(*fault);
  }
  return ttl;
}

Result<Words> parse_words(const boost::json::object& object, Wants wants) {
  Words words;
  ObjectReader in(object, "");
  words.by = in.short_text("by", model::hold_owner_bytes_max).value_or("");
  if (words.by.empty()) {
    in.refuse("by", "by is missing: say who does this");
  }
  if (wants == Wants::by_and_why) {
    words.why = in.short_text("why", model::pause_words_bytes_max).value_or("");
    if (words.why.empty()) {
      in.refuse("why", "why is missing: say why, for those who will ask");
    }
  }
  if (auto fault = std::move(in).fault(wants == Wants::by ? "it takes by" : "it takes by and why")) {
    return std::move(*fault);
  }
  return words;
}

} // namespace turnwise::api
