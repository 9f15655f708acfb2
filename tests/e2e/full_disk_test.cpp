// Row 19 of the fault matrix: PostgreSQL's disk is really full, first that of its tables, then that of its WAL. Needs
// PostgreSQL, and root for a small disk.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <thread>

#include "tests/e2e/node_process.hpp"
#include "tests/support/small_disk.hpp"

namespace turnwise::tests {
namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;
constexpr std::size_t payload_bytes = 100'000;
/// More than the small disks hold.
constexpr int jobs_max = 1'000;
constexpr int refusals_wanted = 20;
/// No answer to a submit may take longer, whatever the disk does.
constexpr std::chrono::seconds answer_max{15};
constexpr std::uint64_t wal_segment = 16 * mebibyte;

constexpr auto not_permitted = "mounts are not permitted here: run as root, in a container with the capability SYS_ADMIN";

/// What no compression makes smaller.
std::string noise() {
  static std::mt19937_64 random{19};
  std::string text(payload_bytes, ' ');
  for (auto& letter : text) {
    letter = static_cast<char>('a' + random() % 26);
  }
  return '"' + text + '"';
}

/// Submits, and remembers what was acknowledged.
class Submitter {
public:
  explicit Submitter(const NodeProcess& node) : client_(node.connect()) {}

  model::Result<client::Submitted> submit() {
    auto job = keyed_job("k" + std::to_string(keys_++));
    job.payload = noise();
    job.subject = "disk:" + std::to_string(keys_ % 7);
    const auto begun = std::chrono::steady_clock::now();
    auto submitted = client_.submit(job);
    CHECK(std::chrono::steady_clock::now() - begun < answer_max);
    if (submitted.ok()) {
      acknowledged_.emplace_back(job, submitted->id);
    }
    return submitted;
  }
  /// Until one is refused with one of these codes, and then until `refusals_wanted` were, without one that is accepted between.
  void submit_until_refused(std::initializer_list<model::Errc> codes) {
    int refused = 0;
    for (int tries = 0; refused < refusals_wanted; ++tries) {
      REQUIRE(tries < jobs_max);
      const auto submitted = submit();
      if (!submitted.ok()) {
        INFO(model::name(submitted.error().code) << ": " << submitted.error().detail);
        CHECK(client::is_transient(submitted.error().code));
        refused += std::ranges::count(codes, submitted.error().code) > 0 ? 1 : 0;
      } else {
        CHECK(refused == 0);
      }
    }
  }
  /// Until one is accepted.
  void submit_until_accepted() {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!submit().ok()) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::sleep_for(10ms); // between two tries
    }
  }
  /// Every acknowledged job is there, once.
  void check_nothing_is_lost() {
    REQUIRE_FALSE(acknowledged_.empty());
    for (const auto& [job, id] : acknowledged_) {
      // Another lane than that of the last job may still pause before its next try.
      const auto again =
          client::with_retry(std::chrono::steady_clock::now() + patience, [&, &same = job] { return client_.submit(same); });
      REQUIRE(again.ok());
      CHECK(again->disposition == "duplicate");
      CHECK(again->id == id);
    }
  }

private:
  client::Client client_;
  std::vector<std::pair<client::NewJob, std::string>> acknowledged_;
  int keys_{};
};

/// A job can be worked on, and no key has two of them.
void check_work_goes_on(const NodeProcess& node, const TestDatabase& database) {
  const auto grant = claim_one(node);
  CHECK(node.connect().complete(grant.receipt).ok());
  // Each reader learns that its connection is gone by a read, which is refused.
  const auto story =
      client::with_retry(std::chrono::steady_clock::now() + patience, [&] { return node.connect().job(grant.job); });
  REQUIRE(story.ok());
  CHECK(story->state == "succeeded");
  CHECK(database.query("SELECT count(*) FROM (SELECT key FROM turnwise.journal_1 WHERE event = 1 GROUP BY key"
                       " HAVING count(*) > 1) AS twice") == "0");
}

TEST_CASE(
    "19 the disk of the tables is full: refused as insufficient-storage, nothing lost, and taken again once there is space") {
  SmallDisk disk(96 * mebibyte);
  if (!disk.mounted()) {
    SKIP(not_permitted);
  }
  PrivatePostgres server;
  TestDatabase database(server);
  database.move_to(disk.folder());
  NodeProcess node(database.connection());
  node.start();
  Submitter submitter(node);
  submitter.submit_until_accepted();
  disk.fill(2 * mebibyte);
  submitter.submit_until_refused({model::Errc::insufficient_storage});
  CHECK(node.connect().request("GET", "/livez").value().status == 200);
  CHECK(node.runs());
  CHECK(database.query("SELECT 1") == "1");

  disk.make_space();
  submitter.submit_until_accepted();
  submitter.check_nothing_is_lost();
  check_work_goes_on(node, database);
  CHECK(node.stop() == 0);
}

TEST_CASE(
    "19 the disk of the WAL is full and PostgreSQL panics: nothing acknowledged is lost, and work goes on after its restart") {
  SmallDisk disk(6 * wal_segment);
  if (!disk.mounted()) {
    SKIP(not_permitted);
  }
  PrivatePostgres server(disk.folder());
  TestDatabase database(server);
  NodeProcess node(database.connection());
  node.start();
  Submitter submitter(node);
  submitter.submit_until_accepted();
  disk.fill(wal_segment / 2); // no room for another segment
  submitter.submit_until_refused({model::Errc::unavailable, model::Errc::insufficient_storage});
  CHECK(node.connect().request("GET", "/livez").value().status == 200);
  CHECK(node.runs());

  disk.make_space();
  try {
    server.stop_immediately();
  } catch (const std::runtime_error&) { // NOLINT(bugprone-empty-catch): it has ended by itself
  }
  server.start();
  submitter.submit_until_accepted();
  submitter.check_nothing_is_lost();
  check_work_goes_on(node, database);
  CHECK(node.stop() == 0);
}

} // namespace
} // namespace turnwise::tests
