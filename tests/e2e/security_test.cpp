// The real node with tokens, TLS, a listener for operators and an audit log: rows 44 and 45 of the fault matrix, across
// revocations and kill -9. Needs PostgreSQL.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>

#include "tests/e2e/node_process.hpp"
#include "tests/support/certificate.hpp"

namespace turnwise::tests {
namespace {

/// What a command prints to its output.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  std::array<char, 256> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) {
    text += buffer.data();
  }
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Scene {
  /// A new token, made by the program.
  [[nodiscard]] std::string make_token(const std::string& owner, const std::string& scopes) const {
    const auto text = output_of(std::string{TURNWISE_PROGRAM} + " token create --owner " + owner + " --scope " + scopes +
                                " --database '" + database.connection() + "' 2>/dev/null");
    REQUIRE(text.size() == 81);
    return text;
  }
  [[nodiscard]] client::Client as(const std::string& token) const { return node.connect({.token = token}); }
  /// The status of the answer to GET /v1/stats.
  [[nodiscard]] int status(const std::string& token) const { return as(token).request("GET", "/v1/stats")->status; }
  /// Waits until the node says this to the token. @returns how long that took
  [[nodiscard]] std::chrono::milliseconds wait_for_status(const std::string& token, int wanted) const {
    const auto begin = std::chrono::steady_clock::now();
    auto client = as(token);
    for (;;) {
      const auto reply = client.request("GET", "/v1/stats");
      const auto now = std::chrono::steady_clock::now();
      if (reply.ok() && reply->status == wanted) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(now - begin);
      }
      REQUIRE(now - begin < patience);
    }
  }

  TestDatabase database;
  NodeProcess node{database.connection(), {"--auth", "tokens"}};
};

client::Grant claim_with(client::Client& client) {
  client::ClaimRequest request;
  request.worker = "tester";
  request.kinds = {"work"};
  request.wait = 10s;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto claimed = client.claim(request);
    if (claimed.ok() && !claimed->grants.empty()) {
      return claimed->grants.front();
    }
    REQUIRE(std::chrono::steady_clock::now() < deadline);
  }
}

TEST_CASE("row 44: tokens made, revoked and expired take effect at a running node within seconds, and not before") {
  Scene scene;
  const auto first = scene.make_token("ann", "submit");
  scene.node.start();
  CHECK(scene.status(first) == 200); // known from the start
  CHECK(scene.status("") == 401);
  CHECK(scene.status(first.substr(0, first.size() - 1)) == 401);
  CHECK(scene.as(first).request("POST", "/v1/claims", "{}")->status == 403);

  const auto second = scene.make_token("ann", "submit"); // rotation: both are good
  CHECK(scene.wait_for_status(second, 200) < 5s);
  CHECK(scene.status(first) == 200);
  REQUIRE(run_turnwise({"token", "revoke", first.substr(0, 16), "--database", scene.database.connection()}) == 0);
  CHECK(scene.wait_for_status(first, 401) < 5s);
  CHECK(scene.status(second) == 200);
  CHECK(run_turnwise({"token", "revoke", "0000000000000000", "--database", scene.database.connection()}) == 1);

  scene.database.query("UPDATE turnwise.token SET expires_at = clock_timestamp() + interval '3 seconds' WHERE id = '" +
                       second.substr(0, 16) + "'");
  CHECK(scene.wait_for_status(second, 401) < 10s);
}

TEST_CASE("row 45: a receipt is bound to the owner of its token, also by a node that has been killed and started again") {
  Scene scene;
  const auto ann = scene.make_token("ann", "submit,work");
  const auto bob = scene.make_token("bob", "work");
  scene.node.start();
  REQUIRE(scene.as(ann).submit(keyed_job("k")).ok());
  auto worker = scene.as(ann);
  const auto grant = claim_with(worker);
  CHECK(scene.as(bob).complete(grant.receipt, "1").error().code == model::Errc::forbidden);
  scene.node.kill();
  scene.node.start();
  CHECK(scene.as(bob).heartbeat(grant.receipt).error().code == model::Errc::forbidden);
  CHECK(scene.as(bob).complete(grant.receipt, "1").error().code == model::Errc::forbidden);
  const auto rotated = scene.make_token("ann", "work"); // another token, the same owner
  static_cast<void>(scene.wait_for_status(rotated, 200));
  CHECK(scene.as(rotated).complete(grant.receipt, "1").ok());
  CHECK(scene.as(bob).complete(grant.receipt, "1").error().code == model::Errc::forbidden); // nor is its end told
  CHECK(scene.as(ann).complete(grant.receipt, "1").ok());
}

TEST_CASE("row 44: without its database a node knows the tokens that it knew, and lets nobody in beside") {
  PrivatePostgres server;
  const TestDatabase database(server);
  NodeProcess node(database.connection(), {"--auth", "tokens"});
  const auto token = output_of(std::string{TURNWISE_PROGRAM} + " token create --owner ann --scope submit --database '" +
                               database.connection() + "' 2>/dev/null");
  node.start();
  server.stop_immediately();
  auto client = node.connect({.token = token});
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) { // until the node has noticed
    const auto stats = client.request("GET", "/v1/stats");
    REQUIRE(stats.ok());
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    if (stats->body.find(R"("journal_up":false)") != std::string::npos) {
      break;
    }
  }
  CHECK(client.request("GET", "/v1/stats")->status == 200);
  CHECK(node.connect({.token = "x.y"}).request("GET", "/v1/stats")->status == 401);
}

TEST_CASE("a node speaks https and notes what operators do on their own address, and no token is in any file of it") {
  const TemporaryFolder folder;
  const auto certificate = make_certificate(folder, "IP:127.0.0.1");
  const auto audit = folder.file("audit");
  const TestDatabase database;
  const NodeProcess places[] = {NodeProcess(database.connection()), NodeProcess(database.connection())}; // two free ports
  const auto token = output_of(std::string{TURNWISE_PROGRAM} + " token create --owner ada --scope admin --database '" +
                               database.connection() + "' 2>/dev/null");
  const auto log = folder.file("log");
  Child node("/bin/sh", {"-c", "exec " TURNWISE_PROGRAM " serve --auth tokens --log-level debug --database '" +
                                   database.connection() + "' --listen " + places[0].address() + " --admin-listen " +
                                   places[1].address() + " --tls-certificate " + certificate.certificate_file + " --tls-key " +
                                   certificate.key_file + " --audit-log " + audit + " 2> " + log});
  const auto connect = [&](const NodeProcess& place) {
    return client::Client::open("https://" + place.address(), {.token = token, .ca_file = certificate.certificate_file})
        .value();
  };
  auto everybody = connect(places[0]);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!everybody.ready()) {
    INFO(content_of(log));
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    REQUIRE(node.runs());
    std::this_thread::yield();
  }
  const std::string pause = "/v1/subjects/a%3A1/pause";
  const std::string words = R"({"by":"ada","why":"incident"})";
  CHECK(everybody.request("POST", pause, words)->status == 403);
  CHECK(connect(places[1]).request("POST", pause, words)->status == 200);
  CHECK(connect(places[1]).request("GET", "/metrics")->status == 200);

  // The command line, with the token in a file.
  const auto token_file = folder.file("token");
  std::ofstream(token_file) << token << '\n';
  const auto resume = [&](const std::string& place) {
    return run_turnwise(
        {"resume", "a:1", "--url", "https://" + place, "--token", "@" + token_file, "--ca", certificate.certificate_file});
  };
  CHECK(resume(places[1].address()) == 0);
  CHECK(resume(places[0].address()) == 1);

  node.signal(SIGTERM);
  CHECK(node.wait_for_end(patience) == 0);
  const auto noted = content_of(audit);
  INFO(noted);
  CHECK(std::ranges::count(noted, '\n') == 4);
  CHECK(noted.find(R"(action="pause" by="ada")") != std::string::npos);
  CHECK(noted.find(R"(action="resume" by="ada")") != std::string::npos);
  const auto secret = token.substr(17);
  CHECK(noted.find(secret) == std::string::npos);
  CHECK(content_of(log).find(secret) == std::string::npos);
}

} // namespace
} // namespace turnwise::tests
