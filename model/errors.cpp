// Names, statuses and titles of the errors.
#include "model/errors.hpp"

namespace turnwise::model {

std::string_view name(Errc code) {
  switch (code) {
  case Errc::malformed:
    return "malformed";
  case Errc::unauthorized:
    return "unauthorized";
  case Errc::forbidden:
    return "forbidden";
  case Errc::not_found:
    return "not-found";
  case Errc::method_not_allowed:
    return "method-not-allowed";
  case Errc::wrong_state:
    return "wrong-state";
  case Errc::subject_busy:
    return "subject-busy";
  case Errc::stale_fence:
    return "stale-fence";
  case Errc::stale_revision:
    return "stale-revision";
  case Errc::too_large:
    return "too-large";
  case Errc::unsupported_media_type:
    return "unsupported-media-type";
  case Errc::precondition_required:
    return "precondition-required";
  case Errc::idempotency_mismatch:
    return "idempotency-mismatch";
  case Errc::backlog_full:
    return "backlog-full";
  case Errc::headers_too_large:
    return "headers-too-large";
  case Errc::internal:
    return "internal";
  case Errc::unavailable:
    return "unavailable";
  case Errc::insufficient_storage:
    return "insufficient-storage";
  case Errc::outcome_unknown:
    return "outcome-unknown";
  }
  return "internal";
}

int http_status(Errc code) {
  switch (code) {
  case Errc::malformed:
    return 400;
  case Errc::unauthorized:
    return 401;
  case Errc::forbidden:
    return 403;
  case Errc::not_found:
    return 404;
  case Errc::method_not_allowed:
    return 405;
  case Errc::wrong_state:
  case Errc::subject_busy:
    return 409;
  case Errc::stale_fence:
  case Errc::stale_revision:
    return 412;
  case Errc::too_large:
    return 413;
  case Errc::unsupported_media_type:
    return 415;
  case Errc::precondition_required:
    return 428;
  case Errc::idempotency_mismatch:
    return 422;
  case Errc::backlog_full:
    return 429;
  case Errc::headers_too_large:
    return 431;
  case Errc::internal:
    return 500;
  case Errc::unavailable:
  case Errc::insufficient_storage:
  case Errc::outcome_unknown:
    return 503;
  }
  return 500;
}

std::string_view title(Errc code) {
  switch (code) {
  case Errc::malformed:
    return "The request is not what the API describes.";
  case Errc::unauthorized:
    return "The request carries no valid token.";
  case Errc::forbidden:
    return "The token may not do this.";
  case Errc::not_found:
    return "There is no such thing.";
  case Errc::method_not_allowed:
    return "The path exists, but not with this method.";
  case Errc::wrong_state:
    return "The job is in a state in which this cannot be done.";
  case Errc::subject_busy:
    return "The subject is busy.";
  case Errc::stale_fence:
    return "A newer turn has superseded this one, or it has ended.";
  case Errc::stale_revision:
    return "This has changed since it was read.";
  case Errc::too_large:
    return "The request passes a limit on size.";
  case Errc::unsupported_media_type:
    return "The body is not application/json.";
  case Errc::precondition_required:
    return "The request must say in If-Match which fencing token it was made for.";
  case Errc::idempotency_mismatch:
    return "The idempotency key was used with another request.";
  case Errc::backlog_full:
    return "The subject or the node has as many jobs as it may hold.";
  case Errc::headers_too_large:
    return "The head of the request passes a limit.";
  case Errc::internal:
    return "The server made a mistake.";
  case Errc::unavailable:
    return "Not accepted: the service cannot do this now; try again.";
  case Errc::insufficient_storage:
    return "Not accepted: the database has no space left.";
  case Errc::outcome_unknown:
    return "This may have been accepted; ask again with the same idempotency key.";
  }
  return "The server made a mistake.";
}

} // namespace turnwise::model
