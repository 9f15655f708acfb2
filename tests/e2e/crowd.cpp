#include "tests/e2e/crowd.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "app/client/url.hpp"

namespace turnwise::tests {
namespace {

namespace json = boost::json;

constexpr int subjects = 12;
constexpr std::chrono::seconds crowd_patience{60};
const std::vector<std::string> kinds{"move", "erase", "fragile"};

std::uint64_t draw(std::mt19937_64& random, std::uint64_t below) {
  return random() % below;
}

std::string draw_subject(std::mt19937_64& random) {
  return fmt::format("crowd:{}", draw(random, subjects));
}

/// Asks again while the node is away. @returns the last answer; status 0 when there was none
client::Reply insist(client::Client& client, std::string_view method, const std::string& target, const std::string& body = {},
                     const std::vector<client::Header>& headers = {}, std::chrono::milliseconds wait = {}) {
  for (const auto end = Crowd::Clock::now() + crowd_patience; Crowd::Clock::now() < end;) {
    const auto reply = client.request(method, target, body, headers, wait);
    if (reply.ok() && reply->status != 503 && reply->status != 429) {
      return *reply;
    }
    std::this_thread::sleep_for(20ms); // the node is being started again
  }
  return {};
}

json::object members(const client::Reply& reply) {
  return json::parse(reply.body).as_object();
}

std::string text(const json::object& object, std::string_view name) {
  return std::string{object.at(name).as_string()};
}

} // namespace

Crowd::Crowd(const NodeProcess& node, const TestDatabase& database, std::uint64_t seed)
    : node_(node), database_(database), seed_(seed) {
  int number = 0;
  for (const auto& act : {&Crowd::submit, &Crowd::submit, &Crowd::submit_by_sql, &Crowd::work, &Crowd::work, &Crowd::work,
                          &Crowd::hold, &Crowd::operate}) {
    threads_.emplace_back([this, number, act] { run(number, act); });
    ++number;
  }
}

Crowd::~Crowd() {
  stop();
}

void Crowd::stop() {
  stopping_ = true;
  for (auto& thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

void Crowd::run(int number, void (Crowd::*act)(client::Client&, Random&)) {
  Random random{seed_ + static_cast<std::uint64_t>(number)};
  auto client = node_.connect();
  while (!stopping_) {
    try {
      (this->*act)(client, random);
    } catch (const std::exception& fault) {
      const std::scoped_lock lock(mutex_);
      faults_.push_back(fmt::format("client {} met {}", number, fault.what()));
    }
  }
}

// ── What they do ─────────────────────────────────────────────────────────────────────────────────────────────────────────

void Crowd::submit(client::Client& client, Random& random) {
  static const std::vector<std::string> policies{"", R"(,"max_attempts":1,"on_failure":"park")",
                                                 R"(,"max_attempts":2,"on_failure":"discard")",
                                                 R"(,"max_attempts":1,"on_failure":"halt")"};
  static const std::vector<std::string> times{"", "", "", R"(,"delay":"300ms")", R"(,"expires_at":"2031-01-01T00:00:00Z")"};
  static const std::vector<std::string> coalescing{
      "", "", "", R"(,"coalesce":"skip")", R"(,"coalesce":"replace")", R"(,"coalesce":"once_more")"};
  const std::string key = fmt::format("k{}", draw(random, 1'000'000'000));
  const std::string body = fmt::format(
      R"({{"subject":"{}","kind":"{}","payload":{{"n":{}}},"lease":"1s","backoff":{{"initial":"10ms","max":"100ms"}}{}{}{}}})",
      draw_subject(random), kinds[draw(random, kinds.size())], draw(random, 1'000), policies[draw(random, policies.size())],
      times[draw(random, times.size())], coalescing[draw(random, coalescing.size())]);
  for (int repeat = 0; repeat < (draw(random, 5) == 0 ? 2 : 1); ++repeat) {
    const auto reply = insist(client, "POST", "/v1/jobs", body, {{"Idempotency-Key", key}});
    if (reply.status != 201 && reply.status != 200) {
      throw std::runtime_error{fmt::format("a submit was answered {}: {}", reply.status, reply.body)};
    }
    const auto answer = members(reply);
    const auto job = text(answer, "id");
    count(text(answer, "disposition"));
    const std::scoped_lock lock(mutex_);
    accepted_.push_back(job);
    if (const auto known = job_of_key_.emplace(key, job); known.first->second != job) {
      faults_.push_back(fmt::format("the key {} stood for {} and then for {}", key, known.first->second, job));
    }
  }
  std::this_thread::sleep_for(std::chrono::milliseconds{draw(random, 10)}); // no flood: nothing is waited for
}

void Crowd::submit_by_sql(client::Client& /*client*/, Random& random) {
  const bool commits = draw(random, 3) != 0;
  const std::string sql = fmt::format("BEGIN; SELECT turnwise.submit('{}', '{}', '{{\"n\": 1}}', '{{\"lease\": \"3s\"}}'); {}",
                                      draw_subject(random), commits ? "sql" : "never", commits ? "COMMIT" : "ROLLBACK");
  try {
    database_.query(sql);
    count(commits ? "committed by SQL" : "rolled back by SQL");
    const std::scoped_lock lock(mutex_);
    committed_by_sql_ += commits ? 1 : 0;
  } catch (const std::exception&) {
    count("lost by SQL"); // its session was ended; committed or not, nobody knows
  }
  std::this_thread::sleep_for(std::chrono::milliseconds{draw(random, 20)});
}

void Crowd::work(client::Client& client, Random& random) {
  client::ClaimRequest request;
  request.worker = "worker";
  request.kinds = kinds;
  request.kinds.emplace_back("sql");
  request.max = static_cast<std::uint32_t>(1 + draw(random, 3));
  request.wait = 200ms;
  const auto claimed = client.claim(request);
  if (!claimed.ok()) {
    std::this_thread::sleep_for(10ms); // the node is being started again
    return;
  }
  for (const auto& grant : claimed->grants) {
    end_attempt(client, random, grant);
  }
}

void Crowd::end_attempt(client::Client& client, Random& random, const client::Grant& grant) {
  Turn turn{Clock::now(), grant.deadline, grant.job};
  std::this_thread::sleep_for(std::chrono::milliseconds{draw(random, 5)}); // the work
  const auto choice = draw(random, 100);
  if (choice < 5) {
    count("left to expire");
    return note_turn(grant.subject, turn);
  }
  std::string verb = "complete";
  std::string body = R"({"result":1})";
  if (choice < 25 || grant.kind == "fragile") {
    verb = "fail";
    body = draw(random, 4) == 0 ? R"({"error":"no","retry":false})" : R"({"error":"no"})";
  } else if (choice < 30) {
    verb = "release";
    body = "{}";
  } else if (choice < 35 && client.heartbeat(grant.receipt).ok()) {
    count("heartbeat");
  }
  turn.end = std::min(turn.end, Clock::now());
  note_turn(grant.subject, turn);
  const auto reply = insist(client, "POST", fmt::format("/v1/claims/{}/{}", grant.receipt, verb), body);
  count(fmt::format("{} {}", verb, reply.status));
  if (verb == "complete" && reply.status == 200) {
    const std::scoped_lock lock(mutex_);
    ++outcomes_[grant.job];
  }
}

void Crowd::hold(client::Client& client, Random& random) {
  const auto subject = draw_subject(random);
  const bool waits = draw(random, 2) == 0;
  const auto sent_at = Clock::now();
  const auto reply = client.request("POST", "/v1/subjects/" + client::percent_encode(subject) + "/holds",
                                    fmt::format(R"({{"owner":"web","ttl":"1s","on_busy":"{}"{}}})", waits ? "wait" : "skip",
                                                waits ? R"(,"wait":"500ms")" : ""),
                                    {}, 1s);
  const auto now = Clock::now();
  if (!reply.ok() || reply->status != 201) {
    count(reply.ok() ? fmt::format("hold {}", reply->status) : "hold without answer");
    return std::this_thread::sleep_for(10ms);
  }
  const auto held = members(*reply);
  const auto waited = std::chrono::milliseconds{held.at("waited_ms").to_number<std::int64_t>()};
  Turn turn{now, sent_at + waited + 1s, "hold " + text(held, "id")};
  count("hold 201");
  std::this_thread::sleep_for(std::chrono::milliseconds{draw(random, 20)});
  if (draw(random, 8) == 0) {
    return note_turn(subject, turn);
  }
  turn.end = std::min(turn.end, Clock::now());
  note_turn(subject, turn);
  const std::vector<client::Header> fence{{"If-Match", "\"" + text(held, "fencing_token") + "\""}};
  insist(client, "DELETE", "/v1/holds/" + text(held, "id"), {}, fence);
}

void Crowd::operate(client::Client& client, Random& random) {
  const auto subject = "/v1/subjects/" + client::percent_encode(draw_subject(random));
  const auto kind = "/v1/kinds/" + kinds[draw(random, kinds.size())];
  const std::string pause = R"({"by":"ann","why":"a look"})";
  const std::vector<std::pair<std::string, std::string>> calls{{subject + "/pause", pause},
                                                               {kind + "/pause", pause},
                                                               {"/v1/jobs/retry", R"({"filter":{"state":"parked"}})"},
                                                               {"/v1/jobs/retry", R"({"filter":{"state":"halted"}})"},
                                                               {"/v1/jobs/" + some_job(random) + "/cancel", "{}"}};
  const auto& [target, body] = calls[draw(random, calls.size())];
  const auto reply = insist(client, "POST", target, body);
  count(fmt::format("{} {}", target.substr(target.rfind('/') + 1), reply.status));
  if (target.ends_with("/pause")) {
    std::this_thread::sleep_for(std::chrono::milliseconds{draw(random, 100)});
    insist(client, "POST", target.substr(0, target.rfind('/')) + "/resume", R"({"by":"ann"})");
  }
  if (draw(random, 5) == 0) {
    insist(client, "PUT", kind, fmt::format(R"({{"concurrency":{}}})", 1 + draw(random, 3)));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds{draw(random, 30)});
}

// ── The end ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

void Crowd::settle() {
  auto client = node_.connect();
  for (const auto& kind : kinds) {
    insist(client, "POST", "/v1/kinds/" + kind + "/resume", R"({"by":"ann"})");
    insist(client, "PUT", "/v1/kinds/" + kind, "{}");
  }
  for (int i = 0; i < subjects; ++i) {
    insist(client, "POST", fmt::format("/v1/subjects/crowd%3A{}/resume", i), R"({"by":"ann"})");
  }
  client::ClaimRequest request;
  request.worker = "settler";
  request.kinds = kinds;
  request.kinds.emplace_back("sql");
  request.max = 100;
  request.wait = 100ms;
  for (const auto end = Clock::now() + crowd_patience;;) {
    for (const auto* state : {"parked", "halted"}) {
      insist(client, "POST", "/v1/jobs/retry", fmt::format(R"({{"filter":{{"state":"{}"}}}})", state));
    }
    const auto claimed = client.claim(request);
    if (claimed.ok()) {
      for (const auto& grant : claimed->grants) {
        insist(client, "POST", "/v1/claims/" + grant.receipt + "/complete", "{}");
      }
    }
    const auto stats = client.stats();
    if (stats.ok() && stats->jobs_open == 0) {
      return;
    }
    INFO(client.request("GET", "/v1/jobs").value().body);
    REQUIRE(Clock::now() < end);
  }
}

std::vector<std::string> Crowd::broken_promises() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> broken = faults_;
  auto client = node_.connect();
  for (const auto& job : std::set<std::string>{accepted_.begin(), accepted_.end()}) {
    const auto found = client.job(job);
    if (!found.ok() || (found->state != "succeeded" && found->state != "failed" && found->state != "cancelled")) {
      broken.push_back(fmt::format("the accepted job {} is {}", job, found.ok() ? found->state : found.error().detail));
    }
  }
  for (const auto& [job, accepted] : outcomes_) {
    if (accepted > 1) {
      broken.push_back(fmt::format("{} answers to the job {} were accepted", accepted, job));
    }
  }
  for (auto [subject, turns] : turns_) {
    std::ranges::sort(turns, {}, &Turn::begin);
    for (std::size_t i = 1; i < turns.size(); ++i) {
      if (turns[i].begin < turns[i - 1].end) {
        broken.push_back(fmt::format("{} and {} had the turn of {} at once", turns[i - 1].who, turns[i].who, subject));
      }
    }
  }
  const auto by_sql = std::stoi(database_.query("SELECT count(*) FROM turnwise.journal_1 WHERE event = 1 AND kind = 'sql'"));
  const auto lost = counts_.contains("lost by SQL") ? counts_.at("lost by SQL") : 0;
  if (by_sql < committed_by_sql_ || by_sql > committed_by_sql_ + lost) {
    broken.push_back(fmt::format("of {} jobs committed by SQL there are {}", committed_by_sql_, by_sql));
  }
  if (database_.query("SELECT count(*) FROM turnwise.journal_1 WHERE kind = 'never'") != "0") {
    broken.emplace_back("a transaction that was rolled back has led to a job");
  }
  return broken;
}

std::vector<std::string> Crowd::missed() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> missed;
  for (const auto* what :
       {"accepted", "duplicate", "coalesced", "replaced", "committed by SQL", "rolled back by SQL", "complete 200", "fail 200",
        "release 200", "left to expire", "hold 201", "hold 409", "pause 200", "retry 200", "cancel 200"}) {
    if (!counts_.contains(what)) {
      missed.emplace_back(what);
    }
  }
  return missed;
}

void Crowd::note_turn(const std::string& subject, Turn turn) {
  const std::scoped_lock lock(mutex_);
  turns_[subject].push_back(std::move(turn));
}

void Crowd::count(const std::string& what) {
  const std::scoped_lock lock(mutex_);
  ++counts_[what];
}

std::string Crowd::some_job(Random& random) const {
  const std::scoped_lock lock(mutex_);
  return accepted_.empty() ? "15100000001n" : accepted_[draw(random, accepted_.size())];
}

} // namespace turnwise::tests
