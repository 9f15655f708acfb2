// Settings and pauses of kinds on the real node, which is killed with -9. Needs PostgreSQL.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "tests/e2e/node_process.hpp"

namespace turnwise::tests {
namespace {

struct Scene {
  TestDatabase database;
  NodeProcess node{database.connection(), {"--lease-min", "1s"}};

  [[nodiscard]] int run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin() + 1, {"--url", "http://" + node.address()});
    return run_turnwise(arguments);
  }
  [[nodiscard]] std::string get(const std::string& target) const {
    const auto reply = node.connect().request("GET", target, "");
    REQUIRE(reply.ok());
    return reply->body;
  }
  void submit(int number) const {
    auto job = keyed_job("k" + std::to_string(number));
    job.subject = "a:" + std::to_string(number);
    const auto submitted = node.connect().submit(job);
    INFO((submitted.ok() ? "" : submitted.error().detail + submitted.error().pointer));
    REQUIRE(submitted.ok());
  }
  /// What one request gets that does not wait.
  [[nodiscard]] std::vector<client::Grant> claim(std::uint32_t max = 10) const {
    client::ClaimRequest request;
    request.worker = "tester";
    request.kinds = {"work"};
    request.max = max;
    request.wait = 0s;
    const auto claim = node.connect().claim(request);
    REQUIRE(claim.ok());
    return claim->grants;
  }
  /// The story of a subject whose job waits: one of six that nobody has in this list.
  [[nodiscard]] std::string waiting(const std::vector<client::Grant>& taken) const {
    std::string subject;
    for (int i = 0; i < 6; ++i) {
      const auto candidate = "a:" + std::to_string(i);
      if (std::ranges::none_of(taken, [&](const auto& grant) { return grant.subject == candidate; })) {
        subject = candidate;
      }
    }
    return get("/v1/subjects/" + subject);
  }
};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("settings and pause of a kind survive the kill of the node; what was running counts against the limit") {
  Scene scene;
  scene.node.start();
  REQUIRE(scene.run({"kind", "work", "--set", "concurrency=2", "--set", "on_failure=halt", "--set", "lease=60s"}) == 0);
  for (int i = 0; i < 6; ++i) {
    scene.submit(i);
  }
  std::vector<client::Grant> taken{claim_one(scene.node), claim_one(scene.node)};
  CHECK(scene.claim().empty());
  REQUIRE(scene.run({"pause", "--kind", "work", "--why", "incident 7", "--by", "ann"}) == 0);

  scene.node.kill();
  scene.node.start();
  const auto kind = scene.get("/v1/kinds/work");
  CHECK(contains(kind, R"("settings":{"on_failure":"halt","lease":"1m","concurrency":2})"));
  CHECK(contains(kind, R"("pause":{"by":"ann","why":"incident 7")"));
  CHECK(contains(kind, R"("running":2,"waiting":4)"));
  REQUIRE(scene.node.connect().complete(taken[0].receipt, "1").ok());
  CHECK(scene.claim().empty());
  CHECK(contains(scene.waiting(taken), "ann paused the kind work at"));

  REQUIRE(scene.run({"resume", "--kind", "work", "--by", "ann"}) == 0);
  const auto third = scene.claim();
  REQUIRE(third.size() == 1); // one of two still runs
  taken.push_back(third.front());
  CHECK(contains(scene.waiting(taken), R"("reason":"kind-limit")"));
  REQUIRE(scene.node.connect().complete(taken[1].receipt, "1").ok());
  claim_one(scene.node);
}

TEST_CASE("a setting that the node refuses is told, and nothing of it is kept") {
  Scene scene;
  scene.node.start();
  CHECK(scene.database.query("SELECT count(*) FROM turnwise.kind") == "0");
  CHECK(scene.run({"kind", "work", "--set", "concurrency=none"}) == 1);
  CHECK(scene.database.query("SELECT count(*) FROM turnwise.kind") == "0");
}

} // namespace
} // namespace turnwise::tests
