#include "tests/e2e/exec_node.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <thread>

namespace turnwise::tests {
namespace {

std::vector<std::string> with_file(std::vector<std::string> options, const std::string& file) {
  options.insert(options.end(), {"--config", file});
  return options;
}

} // namespace

ExecNode::ExecNode(const Kinds& kinds, std::vector<std::string> options)
    : node(database.connection(), with_file(std::move(options), folder_.file("turnwise.toml"))) {
  std::ofstream configuration(folder_.file("turnwise.toml"));
  for (const auto& [kind, script, more] : kinds) {
    const auto file = folder_.file(kind + ".sh");
    std::ofstream(file) << "SAY=" << say.path() << "\nEAR=" << ear.path() << "\nPLACE=" << folder_.file("") << "\n"
                        << script << "\n";
    configuration << "[exec." << kind << "]\ncommand = [\"/bin/sh\", \"" << file << "\"]\n" << more << "\n";
  }
}

std::string ExecNode::submit(const std::string& kind, const std::string& subject, const model::JobOptions& options) {
  client::NewJob job;
  job.subject = subject;
  job.kind = kind;
  job.options = options;
  return submit(job);
}

std::string ExecNode::submit(const client::NewJob& job) {
  const auto submitted = node.connect().submit(job);
  REQUIRE(submitted.ok());
  return submitted->id;
}

client::Job ExecNode::wait_for_state(const std::string& job, std::string_view state) {
  auto client = node.connect();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto story = client.job(job);
    if (story.ok() && story->state == state) {
      return *story;
    }
    INFO((story.ok() ? story->text : story.error().detail));
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    if (story.ok() && story->final()) {
      FAIL("the job ended otherwise: " << story->text);
    }
    std::this_thread::sleep_for(1ms); // between two looks at a state
  }
}

void ExecNode::cancel(const std::string& job) {
  const auto reply = node.connect().request("POST", "/v1/jobs/" + job + "/cancel", "{}");
  REQUIRE(reply.ok());
  REQUIRE(reply->status / 100 == 2);
}

} // namespace turnwise::tests
