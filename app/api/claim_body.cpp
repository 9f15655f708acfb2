// POST /v1/claims and the answers of workers.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "app/api/object_reader.hpp"
#include "app/api/requests.hpp"
#include "model/job_id.hpp"
#include "model/limits.hpp"
#include "model/subject.hpp"

namespace turnwise::api {
namespace {

using actors::Answer;
using model::Errc;
using model::Error;
using Verb = actors::Answer::Verb;

constexpr milliseconds retry_after_max = std::chrono::hours{24 * 365};

std::string_view members_of(Verb verb) {
  switch (verb) {
  case Verb::complete:
    return "complete takes result";
  case Verb::fail:
    return "fail takes error, retry, retry_after";
  case Verb::release:
    return "release takes retry_after";
  case Verb::heartbeat:
    break;
  }
  return "this call takes no members";
}

/// The members that say what became of an attempt.
void read_verdict(ObjectReader& in, Answer& answer) {
  if (answer.verb == Verb::complete) {
    answer.text = in.opaque("result", model::result_bytes_max).value_or("");
  }
  if (answer.verb == Verb::release) {
    answer.retry_after = in.duration("retry_after", milliseconds{0}, retry_after_max);
  }
  if (answer.verb == Verb::fail) {
    answer.text = model::to_utf8(in.text("error").value_or(""), model::error_bytes_max);
    answer.retry = in.boolean("retry").value_or(true) ? model::Retry::by_policy : model::Retry::never;
    answer.retry_after = in.duration("retry_after", milliseconds{0}, retry_after_max);
    if (answer.retry_after && answer.retry == model::Retry::never) {
      in.refuse("retry_after", "retry_after makes no sense with \"retry\": false");
    }
  }
}

Result<model::Receipt> read_receipt(std::string_view text, std::string pointer) {
  if (const auto receipt = model::parse_receipt(text)) {
    return *receipt;
  }
  return Error{Errc::malformed, "this is no receipt: send it back as POST /v1/claims gave it", std::move(pointer)};
}

std::optional<Verb> outcome_verb(std::string_view outcome) {
  if (outcome == "complete") {
    return Verb::complete;
  }
  if (outcome == "fail") {
    return Verb::fail;
  }
  if (outcome == "release") {
    return Verb::release;
  }
  return std::nullopt;
}

Result<Answer> read_result(const boost::json::value& item, const std::string& base, std::string& receipt_text) {
  if (!item.is_object()) {
    return Error{Errc::malformed, "a result must be an object", base};
  }
  ObjectReader in(item.get_object(), base);
  Answer answer;
  receipt_text = in.required_text("receipt", "which attempt is meant");
  const auto verb = outcome_verb(in.required_text("outcome", "\"complete\", \"fail\" or \"release\""));
  if (verb) {
    answer.verb = *verb;
    read_verdict(in, answer);
  } else {
    in.refuse("outcome", "outcome must be one of \"complete\", \"fail\", \"release\"");
  }
  if (auto fault = std::move(in).fault(fmt::format("a result has receipt, outcome; {}", members_of(answer.verb)))) {
    return std::move(*fault);
  }
  auto receipt = read_receipt(receipt_text, base + "/receipt");
  if (!receipt) {
    return receipt.error();
  }
  answer.receipt = *receipt;
  return answer;
}

void read_results(const boost::json::array& items, ClaimBody& body) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::string receipt;
    body.answers.push_back(read_result(items[i], fmt::format("/results/{}", i), receipt));
    body.receipts.push_back(std::move(receipt));
  }
}

void read_extend(const boost::json::array& items, ClaimBody& body) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto pointer = fmt::format("/extend/{}", i);
    const auto* text = items[i].if_string();
    body.receipts.emplace_back(text != nullptr ? std::string_view{text->data(), text->size()} : std::string_view{});
    auto receipt = read_receipt(body.receipts.back(), pointer);
    if (receipt) {
      body.answers.emplace_back(Answer{*receipt, Verb::heartbeat, {}, {}, {}});
    } else {
      body.answers.emplace_back(receipt.error());
    }
  }
}

void read_kinds(ObjectReader& in, const RequestLimits& limits, std::vector<std::string>& kinds) {
  const auto* items = in.array("kinds", limits.kinds_max);
  if (items == nullptr || items->empty()) {
    in.refuse("kinds", "kinds is missing: name the kinds that this worker runs, like [\"build_coverage\"]");
    return;
  }
  for (const auto& item : *items) {
    const auto* text = item.if_string();
    std::string kind = text != nullptr ? std::string{text->data(), text->size()} : std::string{};
    if (const auto checked = model::check_kind(kind); !checked) {
      in.refuse("kinds", checked.error().detail);
      return;
    }
    kinds.push_back(std::move(kind));
  }
}

} // namespace

Result<ClaimBody> parse_claim(const boost::json::object& object, const RequestLimits& limits) {
  ObjectReader in(object, "");
  ClaimBody body;
  actors::ClaimRequest claim;
  if (const auto* results = in.array("results", limits.answers_max)) {
    read_results(*results, body);
    body.results_count = results->size();
  }
  if (const auto* extend = in.array("extend", limits.answers_max)) {
    read_extend(*extend, body);
  }
  claim.worker = in.short_text("worker", model::worker_bytes_max).value_or("");
  if (claim.worker.empty()) {
    in.refuse("worker", "worker is missing: name this worker process, so that people can see who runs what");
  }
  claim.max = static_cast<std::uint32_t>(in.integer("max", 0, limits.claims_max).value_or(1));
  claim.lease = in.duration("lease", limits.lease_min, model::lease_max);
  claim.wait = in.duration("wait", milliseconds{0}, limits.claim_wait_max).value_or(milliseconds{0});
  if (claim.max > 0 || object.contains("kinds")) {
    read_kinds(in, limits, claim.kinds);
  }
  if (auto fault = std::move(in).fault("a claim has worker, kinds, max, lease, wait, results, extend")) {
    return std::move(*fault);
  }
  if (claim.max > 0) {
    body.claim = std::move(claim);
  }
  return body;
}

Result<Answer> parse_answer(Verb verb, std::string_view receipt_text, const boost::json::object& object) {
  auto receipt = read_receipt(receipt_text, "");
  if (!receipt) {
    return Error{Errc::not_found, receipt.error().detail, ""};
  }
  ObjectReader in(object, "");
  Answer answer{*receipt, verb, {}, {}, {}};
  read_verdict(in, answer);
  if (auto fault = std::move(in).fault(members_of(verb))) {
    return std::move(*fault);
  }
  return answer;
}

} // namespace turnwise::api
