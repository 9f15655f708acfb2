// What a change makes of a kind.
#include "model/kind.hpp"

#include "model/record.hpp"

namespace turnwise::model {

Result<Kind> changed(const Kind& before, const KindChange& change, WallTime now) {
  Kind after = before;
  after.name = change.kind;
  const auto* put = std::get_if<PutKind>(&change.what);
  if (put != nullptr && put->only_at && *put->only_at != before.revision) {
    return Error{Errc::stale_revision,
                 "The kind is at revision " + std::to_string(before.revision) + ", not at " + std::to_string(*put->only_at) +
                     ": look at it again and repeat the change.",
                 {}};
  }
  std::visit(Overloaded{[&](const PutKind& asked) {
                          after.settings = asked.settings;
                          if (after.settings.push && asked.secret) {
                            const auto& push = before.settings.push;
                            after.settings.push->secrets =
                                changed_secrets(push ? push->secrets : std::vector<PushSecret>{}, *asked.secret, now);
                          }
                        },
                        [&](const PauseKind& asked) {
                          after.pause = PauseView{asked.by, asked.why, now};
                        },
                        [&](const ResumeKind&) { after.pause.reset(); }},
             change.what);
  return after;
}

Policy policy_of(const KindSettings& settings) {
  return resolve(Policy{}, settings.defaults);
}

} // namespace turnwise::model
