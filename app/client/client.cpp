#include "app/client/client.hpp"

#include <algorithm>

#include "app/client/connection.hpp"
#include "app/client/wire.hpp"
#include "app/text.hpp"

namespace turnwise::client {

namespace {

/// Decodes an answer that says yes; one that says no becomes its error.
template <class Decode>
auto read(const Result<Reply>& reply, Decode decode) -> decltype(decode(std::string_view{})) {
  if (!reply)
    return reply.error();
  if (reply->status < 200 || reply->status > 299)
    return wire::decode_problem(reply->status, reply->body);
  return decode(reply->body);
}

std::string claim_target(std::string_view receipt, std::string_view verb) {
  return "/v1/claims/" + percent_encode(receipt) + "/" + std::string{verb};
}

} // namespace

const std::string* Reply::find_header(std::string_view name) const {
  const auto found =
      std::ranges::find_if(headers, [&](const Header& header) { return equal_ignoring_case(header.name, name); });
  return found == headers.end() ? nullptr : &found->value;
}

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::open(std::string_view url, Options options) {
  auto parsed = parse_url(url);
  if (!parsed)
    return parsed.error();
  auto connection = std::make_unique<Connection>(std::move(*parsed), std::move(options));
  if (auto trusted = connection->trust(); !trusted)
    return trusted.error();
  return Client{std::move(connection)};
}

Result<Reply> Client::request(std::string_view method, std::string_view target, std::string_view body,
                              std::span<const Header> headers, milliseconds wait) {
  return connection_->exchange(method, target, body, headers, wait);
}

Result<Reply> Client::follow(std::string_view target, std::span<const Header> headers, milliseconds silence_max,
                             const Sink& sink) {
  return connection_->follow(target, headers, silence_max, sink);
}

Result<Submitted> Client::submit(const NewJob& job) {
  NewJob sent = job;
  std::vector<Header> headers;
  if (!job.idempotency_key.empty())
    headers.push_back({"Idempotency-Key", std::exchange(sent.idempotency_key, {})}); // a header here, a member in a batch
  return read(request("POST", "/v1/jobs", wire::encode(sent), headers), wire::decode_submitted);
}

Result<std::vector<Result<Submitted>>> Client::submit_batch(std::span<const NewJob> jobs) {
  return read(request("POST", "/v1/jobs/batch", wire::encode_batch(jobs)),
              [&](std::string_view body) { return wire::decode_batch(body, jobs.size()); });
}

Result<Claimed> Client::claim(const ClaimRequest& request) {
  const auto sent_at = std::chrono::steady_clock::now();
  return read(this->request("POST", "/v1/claims", wire::encode(request), {}, request.wait),
              [&](std::string_view body) { return wire::decode_claimed(body, request, sent_at); });
}

Result<Extended> Client::heartbeat(std::string_view receipt) {
  return read(request("POST", claim_target(receipt, "heartbeat"), "{}"), wire::decode_extended);
}

Result<Settled> Client::settle(const Answer& answer) {
  const auto target = claim_target(answer.receipt, wire::outcome_name(answer.outcome));
  return read(request("POST", target, wire::encode(answer)), wire::decode_settled);
}

Result<Settled> Client::complete(std::string_view receipt, std::string_view result) {
  return settle({std::string{receipt}, Answer::Outcome::complete, std::string{result}, {}, true, {}});
}

Result<Settled> Client::fail(std::string_view receipt, const Failure& failure) {
  return settle({std::string{receipt}, Answer::Outcome::fail, {}, failure.error, failure.retry, failure.retry_after});
}

Result<Settled> Client::release(std::string_view receipt) {
  return settle({std::string{receipt}, Answer::Outcome::release, {}, {}, true, {}});
}

Result<Job> Client::job(std::string_view id) {
  return read(request("GET", "/v1/jobs/" + percent_encode(id)), wire::decode_job);
}

Result<Job> Client::wait_for_job(std::string_view id, milliseconds wait) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait);
  const Header prefer{"Prefer", "wait=" + std::to_string(seconds.count())};
  return read(request("GET", "/v1/jobs/" + percent_encode(id), {}, {&prefer, 1}, seconds), wire::decode_job);
}

Result<std::string> Client::subject(std::string_view subject) {
  return read(request("GET", "/v1/subjects/" + percent_encode(subject)),
              [](std::string_view body) -> Result<std::string> { return std::string{body}; });
}

Result<Stats> Client::stats() {
  return read(request("GET", "/v1/stats"), wire::decode_stats);
}

bool Client::ready() {
  const auto reply = request("GET", "/readyz");
  return reply && reply->status == 200;
}

} // namespace turnwise::client
