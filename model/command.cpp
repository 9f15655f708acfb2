// The names that answers are told by.
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

} // namespace turnwise::model
