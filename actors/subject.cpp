#include "actors/subject.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/random.hpp"
#include "actors/shard.hpp"

namespace turnwise::actors {
namespace {

class Subject {
public:
  static inline const char* name = "subject";

  Subject(subject_actor::pointer self, SubjectSeed seed) : self_(self), seed_(std::move(seed)) {
    seed_.context.metrics.subjects_active.inc();
  }
  ~Subject() {
    seed_.context.metrics.subjects_active.dec();
    if (seed_.mailbox) {
      fail_waiting(*seed_.mailbox, {model::Errc::unavailable, "the shard has a new owner; try again", ""});
    }
  }

  subject_actor::behavior_type make_behavior() {
    return {[this](Decide& message) { decide(message); }, [this](const Rest&) { rest(); }};
  }

private:
  void decide(Decide& message) {
    model::Mailbox& mailbox = *seed_.mailbox;
    const model::Now now = seed_.context.clock.now();
    Decided decided;
    decided.generation = seed_.generation;
    decided.slot = seed_.slot;
    decided.commands = static_cast<std::uint32_t>(message.commands.size());
    for (model::Command& command : message.commands) {
      mailbox.handle(std::move(command), {seed_.shard, now, seed_.context.kinds, random_64(), &seed_.context.live_kinds},
                     decided.actions);
    }
    decided.head = mailbox.head(now);
    decided.timer = mailbox.next_timer(now);
    decided.open = mailbox.open_count();
    caf::anon_send(seed_.parent, std::move(decided));
  }

  void rest() {
    caf::anon_send(seed_.parent, Rested{seed_.generation, seed_.slot, std::move(seed_.mailbox)});
    self_->quit();
  }

  subject_actor::pointer self_;
  SubjectSeed seed_;
};

} // namespace

subject_actor spawn_subject(caf::actor_system& system, SubjectSeed seed) {
  return system.spawn<caf::stateful_actor<Subject, subject_actor::impl>>(std::move(seed));
}

} // namespace turnwise::actors
