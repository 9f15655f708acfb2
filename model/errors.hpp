// Every way in which Turnwise says no: one list, each with its HTTP status and its text. A page per error: docs/errors.md.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace turnwise::model {

/// Stable names: the `type` of a problem document is the enumerator with dashes.
enum class Errc {
  malformed,              ///< 400: the request is not what the API describes; `pointer` says where
  unauthorized,           ///< 401: no valid token
  forbidden,              ///< 403: the token may not do this
  not_found,              ///< 404: no such job, subject or path
  method_not_allowed,     ///< 405: the path exists, the method does not
  wrong_state,            ///< 409: the job is in a state in which this cannot be done
  subject_busy,           ///< 409: somebody else has the turn of the subject, or stands before
  stale_fence,            ///< 412: a newer attempt has superseded this receipt
  stale_revision,         ///< 412: the settings have changed since they were read
  too_large,              ///< 413: a limit on size was passed
  unsupported_media_type, ///< 415: not application/json
  precondition_required,  ///< 428: a change of a hold must say which fencing token it was made for
  idempotency_mismatch,   ///< 422: the idempotency key was used with another body
  backlog_full,           ///< 429: the subject or the node has as many jobs as it may hold
  headers_too_large,      ///< 431: the request's head passed a limit
  internal,               ///< 500: a fault of ours
  unavailable,            ///< 503: not accepted; try again
  insufficient_storage,   ///< 503: PostgreSQL has no space left; not accepted
  outcome_unknown,        ///< 503: may have been accepted; ask again with the same idempotency key
};

/// `stale_fence` → "stale-fence".
std::string_view name(Errc code);
/// The HTTP status that stands for the error.
int http_status(Errc code);
/// One sentence for people, the same for every occurrence.
std::string_view title(Errc code);

/// One occurrence: what happened and what to do about it.
struct Error {
  Errc code{Errc::internal};
  std::string detail;  ///< a sentence that says what was wrong here and what would be right
  std::string pointer; ///< JSON pointer to the fault, for `malformed`
};

/// A value or an Error.
template <class T>
class [[nodiscard]] Result {
public:
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}     // NOLINT(google-explicit-constructor)
  Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {} // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return content_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & { return std::get<0>(content_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(content_); }
  [[nodiscard]] T value() && { return std::get<0>(std::move(content_)); } // by value: no reference into a temporary
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const { return std::get<1>(content_); }

private:
  std::variant<T, Error> content_;
};

/// Success without a value.
struct Done {};

} // namespace turnwise::model
