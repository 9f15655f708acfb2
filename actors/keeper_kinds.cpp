// The keeper's part in kinds: it has the connection on which their settings are read and changed.
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include "actors/keeper.hpp"
#include "model/kind.hpp"

namespace turnwise::actors {
namespace {

/// Changes that may wait: operators make them, not jobs.
constexpr std::size_t kind_changes_max = 100;

void deliver(const model::Ticket& ticket, model::Response response) {
  ticket.to->deliver(ticket.item, std::move(response));
}

/// What is not stored, in the log: who let a kind go on.
void log_change(const model::KindChange& change, const model::Kind& kind) {
  const std::string_view what = std::holds_alternative<model::PutKind>(change.what)     ? "kind-changed"
                                : std::holds_alternative<model::PauseKind>(change.what) ? "kind-paused"
                                                                                        : "kind-resumed";
  const std::string by = std::visit(
      [](const auto& asked) -> std::string {
        if constexpr (requires { asked.by; }) {
          return asked.by;
        } else {
          return "";
        }
      },
      change.what);
  spdlog::info("{} kind=\"{}\" revision={} by=\"{}\"", what, kind.name, kind.revision, by);
}

} // namespace

void Keeper::change_kind(model::KindChange change, model::Ticket ticket) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && kind_changes_.size() < kind_changes_max) {
      kind_changes_.push_back({std::move(change), std::move(ticket)});
      wake_.notify_all();
      return;
    }
  }
  deliver(ticket,
          model::Error{model::Errc::unavailable, "too many changes of kinds wait, or the node is stopping; try again", ""});
}

/// Answered when this node goes by the change: whoever hears that a kind is paused sees nothing of it start here any more.
void Keeper::change_kinds() {
  for (KindRequest& request : take_kind_changes()) {
    const auto kind = ownership_->change_kind(request.change);
    if (!kind.ok()) {
      deliver(request.ticket, kind.error());
      continue;
    }
    log_change(request.change, *kind);
    if (context_.live_kinds.apply(*kind)) {
      caf::anon_send(context_.dispatcher, KindsOpened{});
    }
    deliver(request.ticket, std::make_shared<const model::Kind>(*kind));
  }
}

void Keeper::refuse_kind_changes(const model::Error& error) {
  for (const KindRequest& request : take_kind_changes()) {
    deliver(request.ticket, error);
  }
}

std::vector<Keeper::KindRequest> Keeper::take_kind_changes() {
  const std::lock_guard lock(mutex_);
  return std::exchange(kind_changes_, {});
}

/// Once a beat: changes that other nodes have made, too.
void Keeper::read_kinds() {
  const auto now = model::BootClock::now();
  if (knows_kinds_ && now - kinds_read_at_ < context_.config.beat) {
    return;
  }
  const auto read = ownership_->kinds_since(kinds_revision_);
  if (!read.ok()) {
    spdlog::warn("kinds-not-read why=\"{}\"", read.error().detail);
    return;
  }
  knows_kinds_ = true;
  kinds_read_at_ = now;
  if (*read) {
    kinds_revision_ = (*read)->revision;
    if (context_.live_kinds.apply(**read)) {
      caf::anon_send(context_.dispatcher, KindsOpened{});
    }
  }
}

} // namespace turnwise::actors
