// docs/openapi.json and the server say the same: no call, status or member is in one of them only.
#include <catch2/catch_test_macros.hpp>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "app/routes/openapi.hpp"
#include "contract.hpp"
#include "full_stories.hpp"
#include "http_fixture.hpp"
#include "secured_fixture.hpp"

using namespace turnwise;
using namespace std::chrono_literals;
using test::Contract;
using test::HttpFixture;
using test::kind_story;
using test::list_page;
using test::noon;
using test::Object;
using test::Operation;
using test::story;
using test::subject_story;
using test::Value;
using test::waiting;
using Names = std::set<std::string>;

namespace {

/// Lets the engine answer the call with what makes its document as large as it can be.
void prepare(HttpFixture& node, const Operation& operation) {
  node.engine.on_job = nullptr; // cancel and retry have an answer of their own
  if (operation.method == "GET") {
    node.engine.on_job = [](model::JobId) { return story(model::JobState::waiting, waiting(model::WaitReason::behind)); };
  }
  node.engine.on_subject = [](const std::string&) { return subject_story(); };
  node.engine.on_answer = [](const actors::Answer& answer) -> model::Response {
    if (answer.verb == actors::Answer::Verb::heartbeat) {
      return model::Extended{30'000ms, false};
    }
    return model::Outcome{model::JobState::retrying, noon};
  };
  node.engine.on_hold = [](const actors::HoldRequest& request) -> model::Response {
    if (request.deferred) {
      return model::Accepted{model::ShardId{3}, model::EntryNumber{8}, model::JobState::waiting, model::Disposition::accepted,
                             1};
    }
    return model::HoldGrant{model::ShardId{3}, model::EntryNumber{8}, model::FencingToken{77}, request.ttl, 0ms, noon};
  };
  node.engine.on_renew = [](model::JobId, model::FencingToken, std::optional<model::milliseconds> ttl) -> model::Response {
    return model::Extended{ttl.value_or(10'000ms), false};
  };
  node.engine.on_release = [](model::JobId, model::FencingToken) { return model::HoldGone{}; };
  node.engine.on_pause = [](const std::string&, const std::string& by, const std::string& why) {
    return model::PauseChanged{model::PauseView{by, why, noon}};
  };
  node.engine.on_resume = [](const std::string&, const std::string&) { return model::PauseChanged{}; };
  node.engine.on_kind_change = [](const model::KindChange& change) {
    auto kind = kind_story();
    if (const auto* put = std::get_if<model::PutKind>(&change.what); put != nullptr && put->secret) {
      kind.settings.push->secrets.front().text = put->secret->text;
    }
    return std::make_shared<const model::Kind>(kind);
  };
  node.engine.all_kinds = {{kind_story(), 1, 2}};
  node.context.runs_here = {{"build_coverage", "exec"}};
  node.engine.on_list = [](const model::ListFilter& filter, auto&&...) { return list_page(filter); };
  node.engine.on_change = [](const actors::Change&) { return model::Changed{model::JobState::waiting, false}; };
  node.engine.on_finished = [](auto&&...) -> model::Response {
    const auto finished = std::get<std::shared_ptr<const model::JobStory>>(story(model::JobState::failed, std::nullopt));
    return std::make_shared<const model::FinishedJobs>(model::FinishedJobs{{*finished}, model::EntryNumber{8}});
  };
  if (operation.path == "/v1/claims") {
    auto grant = test::grant_of(7);
    grant.metadata = R"({"trace":1})";
    grant.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    node.engine.offer(std::move(grant));
  }
}

test::Reply send(const HttpFixture& node, const Operation& operation, const std::string& target, const std::string& body,
                 const std::string& fields = "") {
  if (operation.method == "GET") {
    return node.get(target, fields);
  }
  if (operation.method == "DELETE") {
    return node.connect().ask(fmt::format("DELETE {} HTTP/1.1\r\nHost: a\r\n{}\r\n", target, fields));
  }
  auto bytes = test::post_bytes(target, body, fields);
  return node.connect().ask(bytes.replace(0, std::string_view{"POST"}.size(), operation.method));
}

/// The answer has a documented status, type and form.
void check(Contract& contract, const Operation& operation, const test::Reply& reply) {
  INFO(operation.method << ' ' << operation.path << ": " << reply.status << ' ' << reply.body);
  const auto* response = contract.response(operation, reply.status);
  REQUIRE(response != nullptr);
  const auto type = reply.field("Content-Type");
  const auto* schema = contract.schema(*response, type.substr(0, type.find(';')));
  REQUIRE(schema != nullptr);
  if (type.starts_with("application/")) {
    CHECK(contract.faults(*schema, boost::json::parse(reply.body)) == std::vector<std::string>{});
  }
  if (reply.status == 429 || reply.status == 503) {
    CHECK(response->contains("headers"));
  }
}

const Operation& find(const std::vector<Operation>& all, std::string_view method, std::string_view path) {
  const auto found = std::ranges::find_if(all, [&](const auto& each) { return each.method == method && each.path == path; });
  REQUIRE(found != all.end());
  return *found;
}

/// "unknown member zzz; a job has subject, run_at or delay" → subject, run_at, delay
Names names_in(const std::string& body) {
  Names names;
  auto text = body.substr(std::min(body.find("unknown member zzz; "), body.size()));
  text = text.substr(0, text.find('"'));
  for (const std::string_view verb : {" has ", " takes "}) {
    auto at = text.find(verb);
    if (at == std::string::npos) {
      continue;
    }
    std::string list = text.substr(at + verb.size(), text.find(';', at) - at - verb.size());
    while ((at = list.find(" or ")) != std::string::npos) {
      list.replace(at, 4, ", ");
    }
    for (std::size_t begin = 0; begin < list.size();) {
      const auto end = std::min(list.find(", ", begin), list.size());
      names.insert(list.substr(begin, end - begin));
      begin = end + 2;
    }
  }
  names.erase("no members");
  return names;
}

/// What the contract says of a call that asks for this.
std::string security_of(http::Access access) {
  switch (access) {
  case http::Access::open:
    return "[]";
  case http::Access::read:
    return R"([{"bearer":[]}])";
  case http::Access::submit:
    return R"([{"bearer":["submit"]}])";
  case http::Access::work:
    return R"([{"bearer":["work"]}])";
  case http::Access::operate:
    break;
  }
  return R"([{"bearer":["admin"]}])";
}

Names keys_of(const Object& object) {
  Names names;
  for (const auto& member : object) {
    names.emplace(member.key().data(), member.key().size());
  }
  return names;
}

} // namespace

TEST_CASE("the contract has the calls that the server has, with their parameters") {
  HttpFixture node;
  const Contract contract(routes::openapi_document());
  const auto operations = contract.operations();
  Names documented;
  for (const auto& operation : operations) {
    documented.insert(operation.method + ' ' + operation.path);
  }
  Names served;
  for (const auto& route : routes::all(node.context, {})) {
    const auto method = boost::beast::http::to_string(route.method);
    const std::string_view verb{method.data(), method.size()};
    served.insert(fmt::format("{} {}", verb, route.pattern));
    INFO(route.pattern);
    const auto& operation = find(operations, verb, route.pattern);
    CHECK((contract.body_schema(operation) != nullptr) == (route.takes == http::Route::Takes::json));
    CHECK(boost::json::serialize(operation.members->at("security")) == security_of(route.access));
    CHECK((contract.response(operation, 401) != nullptr) == (route.access != http::Access::open));
    for (const auto name : route.query) {
      CHECK(contract.target(operation).find(fmt::format("{}=", name)) != std::string::npos);
    }
  }
  CHECK(documented == served);
  CHECK(node.get("/openapi.json").body == routes::openapi_document());
}

TEST_CASE("every example is accepted and answered as documented, and nothing is documented that no answer has") {
  HttpFixture node;
  Contract contract(routes::openapi_document());
  const auto operations = contract.operations();
  for (const auto& operation : operations) {
    for (const auto& body : contract.bodies(operation)) {
      INFO(operation.path << ' ' << boost::json::serialize(body));
      if (const auto* schema = contract.body_schema(operation)) {
        CHECK(contract.faults(*schema, body) == std::vector<std::string>{});
      }
      prepare(node, operation);
      const auto reply =
          send(node, operation, contract.target(operation), boost::json::serialize(body), contract.fields(operation));
      CHECK(reply.status < 300);
      check(contract, operation, reply);
    }
  }

  // What the examples alone do not bring out.
  const auto& show_job = find(operations, "GET", "/v1/jobs/{id}");
  node.engine.on_job = [](model::JobId) { return story(model::JobState::succeeded, std::nullopt); };
  check(contract, show_job, node.get(contract.target(show_job)));
  for (const auto reason : {model::WaitReason::kind_paused, model::WaitReason::kind_limit}) {
    node.engine.on_job = [reason](model::JobId) { return story(model::JobState::waiting, waiting(reason)); };
    check(contract, show_job, node.get(contract.target(show_job)));
  }
  check(contract, find(operations, "POST", "/v1/jobs/batch"), node.post("/v1/jobs/batch", R"({"jobs":[{"subject":"a:1"}]})"));
  const auto& hold = find(operations, "POST", "/v1/subjects/{subject}/holds");
  node.engine.on_hold = [](const actors::HoldRequest&) -> model::Response {
    auto view = subject_story();
    view.turn->type = model::EntryType::hold;
    return model::SubjectBusy{view.turn, view.pause, view.queue_length};
  };
  check(contract, hold, node.post(contract.target(hold), boost::json::serialize(contract.bodies(hold).front())));
  node.engine.on_answer = [](const actors::Answer&) { return model::Error{model::Errc::stale_fence, "late", ""}; };
  node.engine.on_claim = [](const actors::ClaimRequest&) { return model::Error{model::Errc::unavailable, "away", ""}; };
  const auto& claim = find(operations, "POST", "/v1/claims");
  for (const auto& body : contract.bodies(claim)) {
    check(contract, claim, node.post("/v1/claims", boost::json::serialize(body)));
  }
  CHECK(contract.unseen() == std::vector<std::string>{});
}

TEST_CASE("the server reads no member that the contract does not name") {
  const HttpFixture node;
  Contract contract(routes::openapi_document());
  for (const auto& operation : contract.operations()) {
    const auto* of_body = contract.body_schema(operation);
    for (auto& body : contract.bodies(operation)) {
      if (of_body == nullptr) {
        continue;
      }
      contract.each_closed(*of_body, body, [&](const Object& schema, Object& object) {
        object["zzz"] = 1;
        const auto reply =
            send(node, operation, contract.target(operation), boost::json::serialize(body), contract.fields(operation));
        object.erase("zzz");
        INFO(operation.path << ' ' << boost::json::serialize(object) << ": " << reply.body);
        CHECK(reply.body.find("/problems/malformed") != std::string::npos);
        const auto known = keys_of(schema.at("properties").as_object());
        const auto read = names_in(reply.body);
        CHECK(std::ranges::includes(known, read));
        CHECK(read.empty() == known.empty());
        check(contract, operation, reply);
      });
    }
  }
}

TEST_CASE("every problem is documented, with its status where it can come") {
  HttpFixture node;
  Contract contract(routes::openapi_document());
  Names types;
  for (int code = 0; code <= static_cast<int>(model::Errc::outcome_unknown); ++code) {
    types.insert(fmt::format("/problems/{}", model::name(static_cast<model::Errc>(code))));
  }
  Names documented;
  for (const auto& type : contract.component("schemas", "Problem").at("properties").at("type").at("enum").as_array()) {
    documented.emplace(type.as_string().data(), type.as_string().size());
  }
  CHECK(documented == types);

  using model::Errc;
  const auto refuse_with = [&](Errc code) {
    node.engine.on_submit = [code](const model::NewJob&) { return model::Error{code, "so it is", ""}; };
    node.engine.on_answer = [code](const actors::Answer&) { return model::Error{code, "so it is", ""}; };
    node.engine.on_claim = [code](const actors::ClaimRequest&) { return model::Error{code, "so it is", ""}; };
    node.engine.on_job = [code](model::JobId) { return model::Error{code, "so it is", ""}; };
    node.engine.on_hold = [code](const actors::HoldRequest&) { return model::Error{code, "so it is", ""}; };
    node.engine.on_renew = [code](auto...) { return model::Error{code, "so it is", ""}; };
    node.engine.on_release = [code](auto...) { return model::Error{code, "so it is", ""}; };
    node.engine.on_pause = [code](auto...) { return model::Error{code, "so it is", ""}; };
    node.engine.on_resume = [code](auto...) { return model::Error{code, "so it is", ""}; };
    node.engine.on_kind_change = [code](const model::KindChange&) { return model::Error{code, "so it is", ""}; };
    node.engine.on_list = [code](auto&&...) { return model::Error{code, "so it is", ""}; };
    node.engine.on_finished = [code](auto&&...) { return model::Error{code, "so it is", ""}; };
  };
  const std::vector<Errc> common{Errc::unavailable, Errc::insufficient_storage, Errc::outcome_unknown, Errc::internal};
  const std::pair<std::string_view, std::vector<Errc>> own[] = {
      {"POST /v1/jobs", {Errc::idempotency_mismatch, Errc::backlog_full}},
      {"GET /v1/jobs", {}},
      {"/v1/jobs/retry", {}},
      {"/v1/jobs/cancel", {}},
      {"/v1/holds", {}},
      {"/v1/subjects/{subject}/history", {}},
      {"/v1/jobs/{id}", {Errc::not_found}},
      {"/v1/jobs/{id}/cancel", {Errc::not_found, Errc::wrong_state}},
      {"/v1/jobs/{id}/retry", {Errc::not_found, Errc::wrong_state}},
      {"/v1/subjects/{subject}/holds", {Errc::backlog_full}},
      {"/v1/subjects/{subject}/pause", {}},
      {"/v1/subjects/{subject}/resume", {}},
      {"/v1/kinds/{kind}/pause", {Errc::backlog_full}},
      {"/v1/kinds/{kind}/resume", {Errc::backlog_full}},
      {"/v1/holds/{id}", {Errc::not_found, Errc::stale_fence}},
      {"/v1/claims", {Errc::backlog_full}},
      {"/v1/claims/{receipt}/complete", {Errc::not_found, Errc::stale_fence}},
      {"/v1/claims/{receipt}/fail", {Errc::not_found, Errc::stale_fence}},
      {"/v1/claims/{receipt}/heartbeat", {Errc::not_found, Errc::stale_fence}},
      {"/v1/claims/{receipt}/release", {Errc::not_found, Errc::stale_fence}}};
  const auto operations = contract.operations();
  for (const auto& [path, codes] : own) {
    for (const auto& operation : operations) {
      if (operation.path != path && operation.method + ' ' + operation.path != path) {
        continue;
      }
      auto all = common;
      all.insert(all.end(), codes.begin(), codes.end());
      for (const auto code : all) {
        refuse_with(code);
        const auto body = boost::json::serialize(contract.bodies(operation).front());
        const auto reply = send(node, operation, contract.target(operation), body, contract.fields(operation));
        CHECK(reply.status == model::http_status(code));
        check(contract, operation, reply);
      }
    }
  }

  const auto& put_kind = find(operations, "PUT", "/v1/kinds/{kind}");
  for (const auto code : {Errc::unavailable, Errc::outcome_unknown, Errc::internal, Errc::backlog_full, Errc::stale_revision}) {
    refuse_with(code);
    check(contract, put_kind, send(node, put_kind, contract.target(put_kind), "{}", contract.fields(put_kind)));
  }

  // What every call refuses by itself.
  for (const auto& operation : operations) {
    check(contract, operation, send(node, operation, contract.target(operation) + "?zzz=1", ""));
    for (const int status : {403, 413, 431, 500, 503}) {
      INFO(operation.path << ' ' << status);
      CHECK(contract.response(operation, status) != nullptr);
    }
    CHECK((contract.response(operation, 415) != nullptr) == (contract.body_schema(operation) != nullptr));
  }
}

TEST_CASE("row 44: no call lets anybody in who lacks what the contract says that it needs") {
  const std::pair<std::string, std::string> lacking[] = {{"bob", "submit"}, {"bob", "admin"}, {"ann", "admin"}};
  const test::SecuredNode node;
  Contract contract(routes::openapi_document());
  for (const auto& operation : contract.operations()) {
    const auto needs = boost::json::serialize(operation.members->at("security"));
    INFO(operation.method << ' ' << operation.path << ' ' << needs);
    const auto ask = [&](const std::string& owner) {
      return node.ask_operators(operation.method, contract.target(operation), owner, "", contract.fields(operation));
    };
    const auto nobody = ask("");
    CHECK((nobody.status == 401) == (needs != "[]"));
    check(contract, operation, nobody);
    for (const auto& [owner, lacks] : lacking) {
      if (needs.find(lacks) != std::string::npos) {
        const auto refused = ask(owner);
        CHECK(refused.status == 403);
        check(contract, operation, refused);
      }
    }
  }
}
