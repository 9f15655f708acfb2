// Rows 44 and 45 of the fault matrix over HTTP: who is let in to what, and what a refusal tells.
#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include "secured_fixture.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using test::SecuredNode;

namespace {

const std::string receipt =
    model::to_string(model::Receipt{model::ShardId{3}, {model::EntryNumber{7}, model::Attempt{1}, model::Nonce{{9}}}});
const std::string hold_id = model::to_string(model::JobId{model::ShardId{3}, model::EntryNumber{9}});
constexpr std::string_view job = R"({"subject":"a:1","kind":"k"})";

bool has(const test::Reply& reply, std::string_view text) {
  INFO(reply.body);
  return reply.body.find(text) != std::string::npos;
}

void let_holds_be(SecuredNode& node) {
  node.engine.on_hold = [](const actors::HoldRequest& request) -> model::Response {
    return model::HoldGrant{model::ShardId{3},     model::EntryNumber{9}, model::FencingToken{77}, request.ttl, 0ms,
                            test::FakeEngine::noon};
  };
  node.engine.on_renew = [](auto...) { return model::Extended{10'000ms, false}; };
  node.engine.on_release = [](auto...) { return model::HoldGone{}; };
  node.engine.on_pause = [](auto...) { return model::PauseChanged{model::PauseView{"ann", "why", test::FakeEngine::noon}}; };
  node.engine.on_resume = [](auto...) { return model::PauseChanged{}; };
}

} // namespace

TEST_CASE("row 44: a request without a token, or with one that is wrong, expired or half right, gets 401 and nothing else") {
  const SecuredNode node;
  const auto& right = node.token("ann");
  const auto id = right.substr(0, right.find('.'));
  std::string other_end = right;
  other_end.back() = other_end.back() == '0' ? '1' : '0';
  const std::string wrong[] = {"",
                               "Authorization: Bearer\r\n",
                               "Authorization: Bearer x\r\n",
                               "Authorization: Bearer .\r\n",
                               "Authorization: Basic " + right + "\r\n",
                               "Authorization: " + right + "\r\n",
                               "Authorization: Bearer " + id + "\r\n",
                               "Authorization: Bearer " + id + ".\r\n",
                               "Authorization: Bearer " + other_end + "\r\n",
                               "Authorization: Bearer " + right + "0\r\n",
                               "Authorization: Bearer " + right.substr(0, right.size() - 1) + "\r\n",
                               "Authorization: Bearer 0000000000000000" + right.substr(right.find('.')) + "\r\n",
                               node.field("eve")};
  for (const auto& fields : wrong) {
    INFO(fields);
    const auto reply = node.ask("GET", "/v1/stats", "", "", fields);
    CHECK(reply.status == 401);
    CHECK(reply.field("WWW-Authenticate").starts_with("Bearer"));
    CHECK(has(reply, "/problems/unauthorized"));
  }
  CHECK(node.ask("GET", "/v1/stats", "ann").status == 200);
  CHECK(node.ask("GET", "/v1/stats", "", "", "authorization: bearer  " + right + "\r\n").status == 200);
}

TEST_CASE("row 44: who is not let in learns not what there is: not jobs, not paths, not methods") {
  SecuredNode node;
  node.engine.on_job = [](model::JobId) { return std::make_shared<const model::JobStory>(); };
  const auto known = "/v1/jobs/" + model::to_string(model::JobId{model::ShardId{3}, model::EntryNumber{8}});
  const auto first = node.ask("GET", known, "");
  CHECK(first.status == 401);
  for (const std::string target : {"/v1/jobs/nothing", "/v1/nothing", "/metrics", "/openapi.json", "/v1/jobs?zzz=1"}) {
    INFO(target);
    const auto reply = node.ask("GET", target, "");
    CHECK(reply.status == 401);
    CHECK(reply.body == first.body);
  }
  CHECK(node.ask("DELETE", "/v1/jobs", "").status == 401);
  CHECK(node.ask("GET", "/v1/nothing", "bob").status == 404);

  // Nor what a scope is missing for.
  const auto cancel = node.ask("POST", known + "/cancel", "bob");
  CHECK(cancel.status == 403);
  CHECK(cancel.body == node.ask("POST", "/v1/jobs/nothing/cancel", "bob").body);
  CHECK(cancel.body == node.ask("POST", "/v1/jobs", "bob", "no json").body);
}

TEST_CASE("row 44: a token is good for its scopes, which the refusal names") {
  SecuredNode node;
  let_holds_be(node);
  const auto reply = node.ask("POST", "/v1/jobs", "bob", job);
  CHECK(reply.status == 403);
  CHECK(has(reply, "scope submit; this one has work"));
  CHECK(node.engine.submitted().empty());
  CHECK(node.ask("POST", "/v1/jobs", "ann", job).status == 201);
  CHECK(node.ask("POST", "/v1/jobs", "ada", job).status == 201);
  CHECK(node.ask("POST", "/v1/claims", "bob", R"({"worker":"w","kinds":["k"]})").status == 200);
  CHECK(node.ask("GET", "/v1/stats", "bob").status == 200);
  const std::string pause = "/v1/subjects/a%3A1/pause";
  const std::string words = R"({"by":"ann","why":"incident"})";
  CHECK(node.ask_operators("POST", pause, "ann", words).status == 403);
  CHECK(node.ask_operators("POST", pause, "ada", words).status == 200);
  CHECK(node.ask_operators("GET", "/metrics", "ann").status == 403);
  CHECK(node.ask_operators("GET", "/metrics", "ada").status == 200);
}

TEST_CASE("a hold that may become a job needs the scope for that as well") {
  SecuredNode node;
  let_holds_be(node);
  const std::string body = R"({"owner":"w","ttl":"10s","on_busy":"defer","defer":{"kind":"k"}})";
  CHECK(node.ask("POST", "/v1/subjects/a%3A1/holds", "bob", body).status == 403);
  CHECK(node.ask("POST", "/v1/subjects/a%3A1/holds", "ann", body).status == 201);
  CHECK(node.ask("POST", "/v1/subjects/a%3A1/holds", "bob", R"({"owner":"w","ttl":"10s","on_busy":"skip"})").status == 201);
}

TEST_CASE("supervisors ask without a token whether a node lives and is ready") {
  const SecuredNode node;
  CHECK(node.ask("GET", "/livez", "").status == 200);
  CHECK(node.ask("GET", "/readyz", "").status == 200);
  CHECK(node.ask("GET", "/livez", "eve").status == 200);
}

TEST_CASE("a body that nobody may send is not read") {
  const SecuredNode node;
  test::RawClient client(node.port);
  client.send("POST /v1/jobs/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 16000000\r\n\r\n");
  CHECK(client.read().status == 401); // although not a byte of it was sent
  CHECK(client.is_closed());
  test::RawClient second(node.port); // without a body the connection goes on
  CHECK(second.ask("GET /v1/stats HTTP/1.1\r\nHost: a\r\n\r\n").status == 401);
  CHECK(second.ask("GET /v1/stats HTTP/1.1\r\nHost: a\r\n" + node.field("ann") + "\r\n").status == 200);
}

TEST_CASE("a call that takes no body reads none, also where no token is asked for") {
  const SecuredNode node;
  for (const std::string framing : {"Content-Length: 1000000", "Transfer-Encoding: chunked"}) {
    test::RawClient client(node.port);
    client.send("GET /livez HTTP/1.1\r\nHost: a\r\n" + framing + "\r\n\r\n");
    CHECK(client.read().status == 413); // although not a byte of it was sent
  }
}

TEST_CASE("a stream of events ends when its token is revoked") {
  SecuredNode node;
  test::RawClient client(node.port);
  client.send("GET /v1/events HTTP/1.1\r\nHost: a\r\n" + node.field("ann") + "\r\n");
  CHECK(client.read().status == 200);
  node.engine.set_tokens({});
  node.engine.feed->publish({.at = test::FakeEngine::noon, .name = "started", .entry = {}, .subject = "a:1", .kind = "k"});
  std::string seen;
  for (auto more = client.read_some(); !more.empty(); more = client.read_some()) {
    seen += more;
  }
  CHECK(seen.find("a:1") == std::string::npos);
  CHECK(seen.ends_with("0\r\n\r\n"));
}

TEST_CASE("a token that is revoked is refused from the next reading of the tokens on, also on connections that are open") {
  SecuredNode node;
  test::RawClient client(node.port);
  const auto request = "GET /v1/stats HTTP/1.1\r\nHost: a\r\n" + node.field("ann") + "\r\n";
  CHECK(client.ask(request).status == 200);
  node.engine.set_tokens({});
  CHECK(client.ask(request).status == 401);
}

TEST_CASE("row 45: what is claimed, answered, held, renewed and released is for the owner of the token") {
  SecuredNode node;
  let_holds_be(node);
  std::vector<std::string> answered;
  node.engine.on_answer = [&](const actors::Answer& answer) -> model::Response {
    answered.push_back(answer.receipt.claim.claimant);
    return answer.receipt.claim.claimant == "ann" ? model::Response{model::Outcome{model::JobState::succeeded, {}}}
                                                  : model::Response{model::claimed_by_another()};
  };
  node.ask("POST", "/v1/claims", "ann", R"({"worker":"w","kinds":["k"]})");
  CHECK(node.engine.claimant() == "ann");
  CHECK(node.ask("POST", "/v1/claims/" + receipt + "/complete", "ann", "{}").status == 200);
  const auto foreign = node.ask("POST", "/v1/claims/" + receipt + "/complete", "bob", "{}");
  CHECK(foreign.status == 403);
  CHECK(has(foreign, "another owner"));
  const auto in_claim =
      node.ask("POST", "/v1/claims", "bob",
               fmt::format(R"({{"worker":"w","max":0,"results":[{{"receipt":"{0}","outcome":"complete"}}],"extend":["{0}"]}})",
                           receipt));
  CHECK(in_claim.status == 200);
  CHECK(has(in_claim, R"("status":403)"));
  CHECK(answered == std::vector<std::string>{"ann", "bob", "bob", "bob"});

  node.ask("POST", "/v1/subjects/a%3A1/holds", "bob", R"({"owner":"w","ttl":"10s","on_busy":"skip"})");
  CHECK(node.engine.claimant() == "bob");
  CHECK(node.ask("PATCH", "/v1/holds/" + hold_id, "ann", "{}", "If-Match: \"77\"\r\n").status == 200);
  CHECK(node.engine.claimant() == "ann");
  CHECK(node.ask("DELETE", "/v1/holds/" + hold_id, "bob", "", "If-Match: \"77\"\r\n").status == 200);
  CHECK(node.engine.claimant() == "bob");
}

TEST_CASE("calls of operators are answered on their own listener only, where the same rules hold") {
  SecuredNode node;
  let_holds_be(node);
  const std::string words = R"({"by":"ada","why":"incident"})";
  for (const std::string call : {"pause", "resume"}) {
    const auto body = call == "pause" ? words : R"({"by":"ada"})";
    const auto reply = node.ask("POST", "/v1/subjects/a%3A1/" + call, "ada", body);
    CHECK(reply.status == 403);
    CHECK(has(reply, "second listener"));
    CHECK(node.ask_operators("POST", "/v1/subjects/a%3A1/" + call, "ada", body).status == 200);
    CHECK(node.ask_operators("POST", "/v1/subjects/a%3A1/" + call, "", body).status == 401);
  }
  CHECK(node.ask("GET", "/metrics", "ada").status == 403);
  CHECK(node.ask_operators("GET", "/metrics", "ada").status == 200);
  CHECK(node.ask_operators("GET", "/v1/stats", "bob").status == 200); // what is for all is there as well
}

TEST_CASE("what operators do and what they are refused is noted: action, owner, target, status, from where") {
  SecuredNode node;
  let_holds_be(node);
  node.ask_operators("POST", "/v1/subjects/a%3A1/pause", "ada", R"({"by":"ada","why":"incident"})");
  node.ask_operators("POST", "/v1/subjects/a%3A1/resume", "bob", R"({"by":"bob"})");
  node.ask("POST", "/v1/jobs/nothing/cancel", "ann");
  node.ask_operators("POST", "/v1/subjects/a%3A1/pause", "", "{}"); // nobody knows who: not noted
  node.ask_operators("GET", "/metrics", "ada");                     // changes nothing: not noted
  node.ask("POST", "/v1/jobs", "ann", job);                         // no operator's action
  const auto noted = node.noted();
  REQUIRE(noted.size() == 3);
  const auto id = [&](const std::string& owner) { return node.token(owner).substr(0, 16); };
  CHECK(noted[0].starts_with(
      fmt::format(R"(audit action="pause" by="ada" token={} target="a:1" status=200 from=127.0.0.1:)", id("ada"))));
  CHECK(noted[1].starts_with(
      fmt::format(R"(audit action="resume" by="bob" token={} target="a:1" status=403 from=127.0.0.1:)", id("bob"))));
  CHECK(noted[2].starts_with(
      fmt::format(R"(audit action="cancel" by="ann" token={} target="nothing" status=404 from=127.0.0.1:)", id("ann"))));
  for (const auto& line : noted) {
    CHECK(line.find(node.token("ada").substr(17)) == std::string::npos); // the secret
  }
}

TEST_CASE("what an operator changes is noted under method and path when the route has no word of its own") {
  http::Route route{http::Verb::put, "/v1/kinds/{kind}", nullptr};
  CHECK(http::action_of(route) == "PUT /v1/kinds/{kind}");
  route.action = "change-kind";
  CHECK(http::action_of(route) == "change-kind");
  route = {http::Verb::get, "/metrics", nullptr};
  CHECK(http::action_of(route).empty());
}
