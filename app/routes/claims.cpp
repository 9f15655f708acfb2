// Pull workers: claiming turns, and what they say of them.
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "app/api/render.hpp"
#include "app/http/response.hpp"
#include "app/routes/answers.hpp"
#include "app/routes/collector.hpp"
#include "app/routes/routes.hpp"

namespace turnwise::routes {
namespace {

using actors::Answer;
using boost::asio::awaitable;
using http::problem_response;
using std::chrono::duration_cast;
using std::chrono::steady_clock;
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
awaitable<Won> win_turns(Context& context, actors::ClaimRequest request, std::shared_ptr<http::Peer> peer) {
  const auto wait = request.wait;
  const auto collector = std::make_shared<ClaimCollector>(co_await boost::asio::this_coro::executor, context.engine);
  if (wait > milliseconds{0}) {
    peer->on_gone([collector] { collector->abandon(); });
  }
  context.engine.claim(std::move(request), collector);
  co_return co_await collector->collect(wait + context.engine_timeout);
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
  return json_response(200, std::move(out).take());
}

} // namespace

Answered claim(Context& context, Request request) {
  const auto begin = steady_clock::now();
  const auto parsed = body_object(request, {.depth = 3});
  auto body = parsed ? api::parse_claim(parsed->get_object(), context.limits) : parsed.error();
  if (!body) {
    co_return problem_response(body.error());
  }
  const auto executor = co_await boost::asio::this_coro::executor;
  const auto collector = send_answers(context, *body, executor);

  // Who waits anyway asks for turns at once, while the results are being written: the next turn of a finished subject then
  // shares a commit with another's. Who does not wait would ask too early, so first the results.
  Responses responses;
  Won won;
  milliseconds before_claim{0};
  const bool waits = body->claim && body->claim->wait > milliseconds{0};
  if (!waits) {
    responses = co_await collector->collect(context.engine_timeout);
  }
  if (body->claim) {
    before_claim = duration_cast<milliseconds>(steady_clock::now() - begin);
    won = co_await win_turns(context, *body->claim, request.peer);
  }
  if (waits) {
    responses = co_await collector->collect(context.engine_timeout);
  }
  co_return claim_response(context, *body, std::move(responses), won, before_claim);
}

Answered answer_claim(Context& context, Request request, Answer::Verb verb) {
  const auto parsed = body_object(request);
  auto answer = parsed ? api::parse_answer(verb, request.parameters.front(), parsed->get_object()) : parsed.error();
  if (!answer) {
    co_return problem_response(answer.error());
  }
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
