#include "app/api/job_options.hpp"

#include <boost/json/object.hpp>

#include "model/limits.hpp"

namespace turnwise::api {
namespace {

using std::chrono::hours;

constexpr milliseconds timeout_max = hours{24 * 7};
constexpr milliseconds backoff_max = hours{24 * 30};
constexpr double backoff_factor_max = 100;

constexpr std::string_view backoff_members = "backoff has initial, factor, max, jitter";

std::optional<model::Backoff> read_backoff(ObjectReader& in) {
  const auto* object = in.object("backoff");
  if (object == nullptr) {
    return std::nullopt;
  }
  static constexpr std::pair<std::string_view, model::Jitter> jitters[] = {{"full", model::Jitter::full},
                                                                           {"none", model::Jitter::none}};
  model::Backoff backoff;
  ObjectReader inner(*object, in.pointer("backoff"));
  backoff.initial = inner.duration("initial", milliseconds{1}, backoff_max).value_or(backoff.initial);
  backoff.factor = inner.decimal("factor", 1, backoff_factor_max).value_or(backoff.factor);
  backoff.max = inner.duration("max", milliseconds{1}, backoff_max).value_or(std::max(backoff.max, backoff.initial));
  backoff.jitter = choice(inner, "jitter", jitters).value_or(backoff.jitter);
  if (backoff.max < backoff.initial) {
    inner.refuse("max", "max must not be less than initial");
  }
  if (auto fault = std::move(inner).fault(backoff_members)) {
    in.refuse(std::move(*fault));
  }
  return backoff;
}

} // namespace

void read_options(ObjectReader& in, model::JobOptions& options, const RequestLimits& limits) {
  static constexpr std::pair<std::string_view, model::OnFailure> endings[] = {
      {"park", model::OnFailure::park}, {"halt", model::OnFailure::halt}, {"discard", model::OnFailure::discard}};
  if (const auto count = in.integer("max_attempts", 1, model::max_attempts_max)) {
    options.max_attempts = static_cast<std::uint32_t>(*count);
  }
  options.backoff = read_backoff(in);
  options.on_failure = choice(in, "on_failure", endings);
  options.timeout = in.duration("timeout", milliseconds{1}, timeout_max);
  options.lease = in.duration("lease", limits.lease_min, model::lease_max);
}

void write_options(json::Writer& out, const model::JobOptions& options) {
  if (options.max_attempts) {
    out.member("max_attempts", *options.max_attempts);
  }
  if (const auto& backoff = options.backoff) {
    out.key("backoff").begin_object();
    out.member("initial", to_text(backoff->initial)).key("factor").number(backoff->factor);
    out.member("max", to_text(backoff->max));
    out.member("jitter", name(backoff->jitter));
    out.end_object();
  }
  if (options.on_failure) {
    out.member("on_failure", name(*options.on_failure));
  }
  if (options.timeout) {
    out.member("timeout", to_text(*options.timeout));
  }
  if (options.lease) {
    out.member("lease", to_text(*options.lease));
  }
}

} // namespace turnwise::api
