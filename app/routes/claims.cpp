// Pull workers: claiming turns, and what they say of them.
#include <algorithm>
#include <iterator>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "app/api/render.hpp"
#include "app/http/response.hpp"
#include "app/routes/answers.hpp"
#include "app/routes/collector.hpp"
#include "app/routes/routes.hpp"
#include "app/turns/give_back.hpp"

namespace turnwise::routes {
namespace {

using actors::Answer;
using http::problem_response;
using std::chrono::duration_cast;
using std::chrono::steady_clock;
/// Payloads of the turns in one answer, roughly: a thousand of the largest would be more than a client takes.
constexpr std::size_t turns_bytes_max = 8 * 1024 * 1024;
constexpr std::size_t turn_bytes = 1024; ///< of a turn besides payload and metadata

using Responses = std::vector<std::optional<model::Response>>;
using Won = std::optional<ClaimCollector::Outcome>;

/// The members that an answer earned; an error becomes one, too.
void write_verdict(json::Writer& out, const model::Response& response, const Context& context) {
  if (const auto* outcome = std::get_if<model::Outcome>(&response)) {
    api::write_outcome(out, *outcome);
  } else if (const auto* extended = std::get_if<model::Extended>(&response)) {
    api::write_extended(out, *extended);
    out.member("drain", context.draining.load());
  }
}

/// An answer is an Outcome, an Extended or an Error.
model::Result<model::Response> verdict(std::optional<model::Response> response) {
  if (!response) {
    return no_answer(Effect::write);
  }
  if (auto* error = std::get_if<model::Error>(&*response)) {
    return std::move(*error);
  }
  return std::move(*response);
}

void write_result(json::Writer& out, const std::string& receipt, const model::Result<model::Response>& result,
                  const Context& context) {
  out.begin_object();
  out.member("receipt", receipt);
  if (result) {
    out.member("status", 200);
    write_verdict(out, *result, context);
  } else {
    out.member("status", model::http_status(result.error().code));
    out.key("problem");
    api::write_problem(out, result.error());
  }
  out.end_object();
}

/// One item per result, in order, and likewise per receipt to extend.
void write_results(json::Writer& out, const api::ClaimBody& body, Responses responses, const Context& context) {
  std::size_t next = 0; // of the responses: one per answer that could be read
  auto write = [&](std::string_view name, std::size_t begin, std::size_t end) {
    out.key(name).begin_array();
    for (std::size_t i = begin; i < end; ++i) {
      const auto& answer = body.answers[i];
      write_result(out, body.receipts[i], answer ? verdict(std::move(responses[next++])) : answer.error(), context);
    }
    out.end_array();
  };
  write("results", 0, body.results_count);
  write("extended", body.results_count, body.answers.size());
}

/// Turns belong to the owner of the token that they were claimed with.
void speak_for(const http::Caller& caller, api::ClaimBody& body) {
  if (body.claim) {
    body.claim->claimant = caller.owner;
  }
  for (auto& answer : body.answers) {
    if (answer) {
      answer->receipt.claim.claimant = caller.owner;
    }
  }
}

/// Sends what the worker reported to the engine.
std::shared_ptr<Collector> send_answers(Context& context, const api::ClaimBody& body, boost::asio::any_io_executor executor) {
  std::vector<Answer> answers;
  for (const auto& answer : body.answers) {
    if (answer) {
      answers.push_back(*answer);
    }
  }
  auto collector = std::make_shared<Collector>(std::move(executor), answers.size());
  if (!answers.empty()) {
    context.engine.answer(std::move(answers), collector);
  }
  return collector;
}

/// Asks for turns; gives up as soon as the client does.
std::shared_ptr<ClaimCollector> ask_for_turns(Context& context, const actors::ClaimRequest& request,
                                              const boost::asio::any_io_executor& executor, http::Peer& peer) {
  auto collector = std::make_shared<ClaimCollector>(executor, context.engine);
  if (request.wait > milliseconds{0}) {
    peer.on_gone([collector] { collector->abandon(); });
  }
  context.engine.claim(request, collector);
  return collector;
}

bool is_urgent(const std::optional<model::Response>& response) {
  const auto* extended = response ? std::get_if<model::Extended>(&*response) : nullptr;
  return !response || std::holds_alternative<model::Error>(*response) || (extended != nullptr && extended->cancel);
}

/// How long the call may wait for turns, now that it is known what became of the results: not at all when the worker has to
/// hear of one at once, and not so long that a lease which it extended could run out before it can extend it again.
milliseconds wait_beside(const api::ClaimBody& body, const Responses& responses, milliseconds wait) {
  const bool unreadable = std::ranges::any_of(body.answers, [](const auto& answer) { return !answer.ok(); });
  if (unreadable || std::ranges::any_of(responses, is_urgent)) {
    return milliseconds{0};
  }
  for (const auto& response : responses) {
    if (const auto* extended = std::get_if<model::Extended>(&*response)) {
      wait = std::min(wait, extended->lease / 3);
    }
  }
  return wait;
}

/// Keeps as many turns as an answer may hold, at least one. The others go back unused, to be claimed by the next call.
void give_back_what_is_too_much(Context& context, std::vector<model::Grant>& grants) {
  std::size_t bytes = 0;
  std::size_t kept = 0;
  for (; kept < grants.size(); ++kept) {
    bytes += turn_bytes + grants[kept].payload.size() + grants[kept].metadata.size();
    if (kept > 0 && bytes > turns_bytes_max) {
      break;
    }
  }
  const std::vector<model::Grant> rest(std::make_move_iterator(grants.begin() + static_cast<std::ptrdiff_t>(kept)),
                                       std::make_move_iterator(grants.end()));
  grants.resize(kept);
  turns::give_back(context.engine, turns::receipts_of(rest));
}

Response claim_response(const Context& context, const api::ClaimBody& body, Responses responses, const Won& won,
                        milliseconds before_claim) {
  const std::optional<model::Error> refused = body.claim && !won ? no_answer(Effect::read) : won ? won->error : std::nullopt;
  if (refused && body.answers.empty()) {
    return problem_response(*refused);
  }
  json::Writer out;
  out.begin_object();
  out.member("waited_ms", won ? (before_claim + won->waited).count() : 0);
  out.member("drain", context.draining.load());
  out.key("claims").begin_array();
  if (won) {
    const auto moment = now(context);
    for (const auto& grant : won->grants) {
      api::write_grant(out, grant, moment);
    }
  }
  out.end_array();
  if (refused) { // the results must not be lost for that
    out.key("claim_problem");
    api::write_problem(out, *refused);
  }
  if (!body.answers.empty()) {
    write_results(out, body, std::move(responses), context);
  }
  out.end_object();
  auto response = json_response(200, std::move(out).take());
  if (won && !won->grants.empty()) {
    response.undelivered = [&engine = context.engine, receipts = turns::receipts_of(won->grants)] {
      turns::give_back(engine, receipts);
    };
  }
  return response;
}

} // namespace

Answered claim(Context& context, Request request) {
  const auto begin = steady_clock::now();
  const auto parsed = body_object(request, {.depth = 3});
  auto body = parsed ? api::parse_claim(parsed->get_object(), context.limits) : parsed.error();
  if (!body) {
    co_return problem_response(body.error());
  }
  speak_for(request.caller, *body);
  const auto executor = co_await boost::asio::this_coro::executor;
  const auto collector = send_answers(context, *body, executor);

  // Who waits anyway asks for turns at once, while the results are being written: the next turn of a finished subject then
  // shares a commit with another's. Who does not wait would ask too early, so first the results; likewise who extends leases,
  // since these say how long the call may wait.
  const bool waits = body->claim && body->claim->wait > milliseconds{0};
  const bool extends = body->answers.size() > body->results_count;
  const auto elapsed = [begin] { return duration_cast<milliseconds>(steady_clock::now() - begin); };
  std::shared_ptr<ClaimCollector> asked;
  milliseconds before_claim{0};
  if (waits && !extends) {
    before_claim = elapsed();
    asked = ask_for_turns(context, *body->claim, executor, *request.peer);
  }
  auto responses = co_await collector->collect(context.engine_timeout);
  Won won;
  if (body->claim) {
    body->claim->wait = wait_beside(*body, responses, body->claim->wait);
    const bool at_once = asked && body->claim->wait == milliseconds{0};
    if (!asked) {
      before_claim = elapsed();
      asked = ask_for_turns(context, *body->claim, executor, *request.peer);
    }
    won = co_await asked->collect(at_once ? milliseconds{0} : body->claim->wait + context.engine_timeout);
    if (at_once && !won) {
      won.emplace(); // not waited for: no turn
    }
  }
  if (won) {
    give_back_what_is_too_much(context, won->grants);
  }
  co_return claim_response(context, *body, std::move(responses), won, before_claim);
}

Answered answer_claim(Context& context, Request request, Answer::Verb verb) {
  const auto parsed = body_object(request);
  auto answer = parsed ? api::parse_answer(verb, request.parameters.front(), parsed->get_object()) : parsed.error();
  if (!answer) {
    co_return problem_response(answer.error());
  }
  answer->receipt.claim.claimant = request.caller.owner;
  const auto collector = std::make_shared<Collector>(co_await boost::asio::this_coro::executor, 1);
  std::vector<Answer> answers;
  answers.push_back(std::move(*answer));
  context.engine.answer(std::move(answers), collector);
  const auto result = verdict(co_await collect_one(collector, context.engine_timeout));
  if (!result) {
    co_return problem_response(result.error());
  }
  json::Writer out;
  out.begin_object();
  write_verdict(out, *result, context);
  out.end_object();
  co_return json_response(200, std::move(out).take());
}

} // namespace turnwise::routes
