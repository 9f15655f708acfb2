// ci-artifacts: the handlers are right when they take turns, and the picture at the end tells the truth.
#include <chrono>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "examples/ci-artifacts/handlers.hpp"
#include "examples/ci-artifacts/queue.hpp"
#include "examples/ci-artifacts/scenario.hpp"
#include "examples/ci-artifacts/timeline.hpp"
#include "tests/support/temporary_folder.hpp"

namespace turnwise::ci_artifacts {

using tests::TemporaryFolder;

TEST_CASE("there are sixteen kinds") {
  CHECK(all_kinds().size() == 16);
}

TEST_CASE("one worker, which runs one task after the other, loses nothing") {
  const TemporaryFolder folder;
  const World world{folder / "world"};
  const Scenario scenario{50, 1};
  set_up(world, scenario);
  const auto outcome = run_ordinary(world, first_tasks(scenario), 1);
  CHECK(outcome.done == expected_tasks(scenario));
  CHECK(outcome.failures == 0);
  for (const auto& loss : audit(world, scenario)) {
    INFO(loss.text);
    CHECK(loss.count == 0);
  }
}

TEST_CASE("the audit sees what is missing") {
  const TemporaryFolder folder;
  const World world{folder / "world"};
  const Scenario scenario{50, 1};
  set_up(world, scenario);
  run_ordinary(world, first_tasks(scenario), 1);
  std::filesystem::remove(world.in_object_store("1"));      // kept, now gone
  write_file(world.in_object_store("2"), "half");           // damaged
  write_file(world.in_file_store("3"), "should be erased"); // expired, still there
  std::filesystem::remove(world.in_file_store("log-4"));
  const auto losses = audit(world, scenario);
  CHECK(losses[0].count == 1);
  CHECK(losses[1].count == 1);
  CHECK(losses[3].count == 1);
  CHECK(losses[4].count == 1);
}

TEST_CASE("a repeated attempt counts once") {
  const TemporaryFolder folder;
  const World world{folder / "world"};
  world.write("stage:1", {{"ended", "4"}});
  const Task task{"stage_update", "stage:1", 0, "job-1"};
  for (int attempt = 0; attempt < 3; ++attempt) {
    handle(world, task, [](const std::vector<Task>&) {});
  }
  CHECK(world.read("stage:1").at("ended") == "5");
}

TEST_CASE("an unknown kind is an error") {
  const TemporaryFolder folder;
  CHECK_THROWS(handle(World{folder / "world"}, {"no_such_kind", "job:1"}, [](const std::vector<Task>&) {}));
}

TEST_CASE("a timeline shows waiting and running") {
  const std::chrono::steady_clock::time_point zero;
  const auto at = [&](int milliseconds) { return zero + std::chrono::milliseconds{milliseconds}; };
  const auto picture =
      draw_timeline({{"A", at(0), at(0), at(50)}, {"B", at(20), at(50), at(100)}, {"C", at(20), at(20), at(21)}}, 10);
  CHECK(picture == "   0 ms100 ms\n"
                   "A |######    |\n"
                   "B |  ...#####|\n"
                   "C |  #       |\n");
  CHECK(draw_timeline({}).empty());
}

} // namespace turnwise::ci_artifacts
