// The names that answers are told by, and what all commands have in common.
#include "model/command.hpp"

namespace turnwise::model {

std::string_view name(Disposition disposition) {
  switch (disposition) {
  case Disposition::accepted:
    return "accepted";
  case Disposition::duplicate:
    return "duplicate";
  case Disposition::coalesced:
    return "coalesced";
  case Disposition::replaced:
    return "replaced";
  }
  return "unknown";
}

std::string_view name(WaitReason reason) {
  switch (reason) {
  case WaitReason::none:
    return "none";
  case WaitReason::no_worker:
    return "no-worker";
  case WaitReason::behind:
    return "behind";
  case WaitReason::behind_turn:
    return "behind-turn";
  case WaitReason::behind_hold:
    return "behind-hold";
  case WaitReason::paused:
    return "paused";
  case WaitReason::kind_paused:
    return "kind-paused";
  case WaitReason::kind_limit:
    return "kind-limit";
  case WaitReason::scheduled:
    return "scheduled";
  case WaitReason::backing_off:
    return "backing-off";
  case WaitReason::halted:
    return "halted";
  case WaitReason::parked:
    return "parked";
  }
  return "unknown";
}

Error claimed_by_another() {
  return {Errc::forbidden, "This turn was claimed with a token of another owner, who alone may answer for it.", {}};
}

Ticket ticket_of(const Command& command) {
  return std::visit(
      [](const auto& concrete) {
        if constexpr (requires { concrete.ticket; }) {
          return concrete.ticket;
        } else {
          return Ticket{};
        }
      },
      command);
}

EntryNumber entry_of(const Command& command) {
  return std::visit(
      [](const auto& concrete) {
        if constexpr (requires { concrete.claim; }) {
          return concrete.claim.entry;
        } else if constexpr (requires { concrete.entry; }) {
          return concrete.entry;
        } else {
          return EntryNumber{};
        }
      },
      command);
}

} // namespace turnwise::model
