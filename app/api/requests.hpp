// What clients send, as objects of the model: POST bodies of jobs, claims and answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "actors/engine.hpp"
#include "app/push/target_url.hpp"
#include "model/command.hpp"
#include "model/errors.hpp"

namespace turnwise::api {

using model::milliseconds;
using model::Result;

/// What a request may ask for at most. The defaults are those of version 1; tests grant shorter leases.
struct RequestLimits {
  milliseconds lease_min{model::lease_min};
  milliseconds claim_wait_max{30'000};
  std::uint32_t claims_max{1'000};   ///< attempts that one request may claim
  std::uint32_t answers_max{10'000}; ///< results, and likewise receipts to extend, of one request
  std::uint32_t kinds_max{1'000};    ///< kinds that one request may name
  push::Schemes push_schemes{};      ///< of addresses that kinds may be pushed to
};

/// The body of POST /v1/subjects/{subject}/holds.
Result<actors::HoldRequest> parse_hold(const std::string& subject, const boost::json::object& object,
                                       const RequestLimits& limits);
/// The body of PATCH /v1/holds/{id}: the new ttl, if one is given.
Result<std::optional<milliseconds>> parse_renewal(const boost::json::object& object, const RequestLimits& limits);

/// Who pauses or resumes a subject, and why.
struct Words {
  std::string by;
  std::string why; ///< of a pause
};
enum class Wants { by_and_why, by };
Result<Words> parse_words(const boost::json::object& object, Wants wants);

/// The body of PUT /v1/kinds/{kind}.
Result<model::PutKind> parse_kind_settings(const boost::json::object& object, const RequestLimits& limits);

/// Where an idempotency key may stand: nowhere for the job of a hold, whose subject stands elsewhere as well.
enum class KeyPlace { header, member, nowhere };

/// A job of POST /v1/jobs, or an item of a batch. Complete but for a key that stands in a header: `fingerprint` covers
/// everything that was asked for except the key, however it was written. Pointers in errors are relative to `object`.
Result<model::NewJob> parse_new_job(const boost::json::object& object, KeyPlace place, const RequestLimits& limits);

/// The jobs of POST /v1/jobs/batch, each by itself, in order. Pointers in the errors of items begin at the document.
Result<std::vector<Result<model::NewJob>>> parse_batch(const boost::json::object& object, const RequestLimits& limits);

/// POST /v1/claims. `results` and `extend` become answers with the text of each receipt; a receipt that cannot be one is an
/// error of its own item.
struct ClaimBody {
  std::optional<actors::ClaimRequest> claim; ///< nothing when `max` is 0: results only
  std::vector<Result<actors::Answer>> answers;
  std::vector<std::string> receipts; ///< as sent, one per answer
  std::size_t results_count{};       ///< the first answers are results, the others receipts to extend
};
Result<ClaimBody> parse_claim(const boost::json::object& object, const RequestLimits& limits);

/// The body of POST /v1/claims/{receipt}/VERB; `object` is empty when there was no body.
Result<actors::Answer> parse_answer(actors::Answer::Verb verb, std::string_view receipt, const boost::json::object& object);

} // namespace turnwise::api
