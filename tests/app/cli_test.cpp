// Commands of the command line, against a node with a fake engine: what they print, and with which status they exit.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "app/cli/command.hpp"
#include "http_fixture.hpp"

using namespace turnwise;

namespace {

struct Ran {
  int status{};
  std::string out;
  std::string err;
};

/// Takes over a stream while it lives.
class Captured {
public:
  explicit Captured(std::ostream& stream) : stream_(stream), before_(stream.rdbuf(text_.rdbuf())) {}
  ~Captured() { stream_.rdbuf(before_); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  [[nodiscard]] std::string text() const { return text_.str(); }

private:
  std::ostringstream text_;
  std::ostream& stream_;
  std::streambuf* before_;
};

Ran run(std::vector<std::string> words) {
  words.insert(words.begin(), "turnwise");
  std::vector<char*> argv;
  for (auto& word : words) {
    argv.push_back(word.data());
  }
  const Captured out(std::cout);
  const Captured err(std::cerr);
  const int status = cli::run(static_cast<int>(argv.size()), argv.data());
  return {status, out.text(), err.text()};
}

Ran run_at(const test::HttpFixture& node, std::vector<std::string> words) {
  words.insert(words.end(), {"--url", fmt::format("http://127.0.0.1:{}", node.port())});
  return run(std::move(words));
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("every command is in the help and has one of its own") {
  const auto help = run({"--help"});
  CHECK(help.status == 0);
  for (const auto& command : cli::commands()) {
    INFO(command.name);
    CHECK(contains(help.out, command.name));
    if (command.name != "version") {
      CHECK(run({std::string{command.name}, "--help"}).status == 0);
    }
  }
  CHECK(contains(run({"version"}).out, "turnwise "));
}

namespace {

/// What bash would offer for the last of these words.
std::string completed_by_bash(const std::string& script, std::string_view words, int last) {
  const auto program =
      script + fmt::format("\nCOMP_WORDS=({}); COMP_CWORD={}; _turnwise; echo \"${{COMPREPLY[*]}}\"\n", words, last);
  std::string quoted;
  for (const char c : program) {
    quoted += c == '\'' ? std::string{"'\\''"} : std::string{c};
  }
  const std::unique_ptr<FILE, int (*)(FILE*)> bash(popen(fmt::format("bash -c '{}'", quoted).c_str(), "r"), pclose);
  std::string text;
  for (int c = std::fgetc(bash.get()); c != EOF && c != '\n'; c = std::fgetc(bash.get())) {
    text += static_cast<char>(c);
  }
  return text;
}

/// Whether the shell can read the script; also when there is no such shell here.
bool can_be_read_by(std::string_view shell, const std::string& script) {
  const auto command = fmt::format("if command -v {0} >/dev/null; then {0} -n /dev/stdin; else cat >/dev/null; fi", shell);
  FILE* reader = popen(command.c_str(), "w");
  std::fwrite(script.data(), 1, script.size(), reader);
  return pclose(reader) == 0;
}

} // namespace

TEST_CASE("shells complete what the commands are defined with") {
  const auto script = run({"completion", "bash"}).out;
  CHECK(completed_by_bash(script, "turnwise ser", 1) == "serve");
  CHECK(completed_by_bash(script, "turnwise serve --log-f", 2) == "--log-format");
  CHECK(completed_by_bash(script, "turnwise serve --log-format j", 3) == "json");
  CHECK(completed_by_bash(script, "turnwise serve --database x", 3) == ""); // left to the names of files
  CHECK(completed_by_bash(script, "turnwise completion f", 2) == "fish");
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    INFO(shell);
    const auto printed = run({"completion", shell});
    CHECK(printed.status == 0);
    CHECK(can_be_read_by(shell, printed.out));
    for (const auto& command : cli::commands()) {
      CHECK(contains(printed.out, command.name));
    }
    CHECK(contains(printed.out, "max-attempts"));
  }
  CHECK(run({"completion", "csh"}).status == 2);
}

TEST_CASE("a wrong command line exits with 2") {
  CHECK(run({}).status == 2);
  CHECK(run({"explode"}).status == 2);
  CHECK(run({"submit"}).status == 2);
  CHECK(run({"job", "x", "--cancel", "--retry"}).status == 2);
  CHECK(run({"serve", "--lanes", "0"}).status == 2);
  CHECK(run({"serve", "--listen", "0.0.0.0:7171"}).status == 2);
  CHECK(run({"submit", "a:1", "k", "--url", "ftp://x"}).status == 2);
}

TEST_CASE("serve --check says what is in force and what is wrong") {
  const auto good = run({"serve", "--check", "--lanes", "3", "--database", "postgresql://me:secret@db/x"});
  CHECK(good.status == 0);
  CHECK(contains(good.out, "\nlanes = 3\n"));
  CHECK(contains(good.out, "postgresql://me:***@db/x"));
  const auto bad = run({"serve", "--check", "--listen", "0.0.0.0:1"});
  CHECK(bad.status == 2);
  CHECK(contains(bad.err, "--insecure"));
}

TEST_CASE("a job is submitted from the command line with all that it may have") {
  test::HttpFixture node;
  const auto ran = run_at(node, {"submit", "artifact:1", "build_coverage", "--payload", R"({"n":1.10})", "--key", "k1",
                                 "--delay", "5s", "--max-attempts", "3", "--on-failure", "halt"});
  CHECK(ran.status == 0);
  CHECK(contains(ran.out, "disposition      accepted"));
  REQUIRE(node.engine.submitted().size() == 1);
  const auto job = node.engine.submitted()[0];
  CHECK(job.payload == R"({"n":1.10})");
  CHECK(job.key == "k1");
  CHECK(job.delay == std::chrono::seconds{5});
  CHECK(job.options.max_attempts == 3U);
}

TEST_CASE("a wait that cannot be read is told before anything is submitted") {
  test::HttpFixture node;
  CHECK(run_at(node, {"submit", "artifact:1", "k", "--wait", "bogus"}).status == 2);
  CHECK(node.engine.submitted().empty());
}

TEST_CASE("a job is waited for longer than one request may wait, and shown once") {
  test::HttpFixture node;
  std::atomic<int> asked{0};
  node.engine.on_job = [&](model::JobId) -> model::Response {
    auto story = std::make_shared<model::JobStory>();
    story->job.subject = "artifact:1";
    story->job.kind = "k";
    story->state = ++asked < 3 ? model::JobState::waiting : model::JobState::succeeded;
    return std::shared_ptr<const model::JobStory>(story);
  };
  const auto ran = run_at(node, {"submit", "artifact:1", "k", "--wait", "40s", "--json"});
  CHECK(ran.status == 0);
  CHECK(asked == 3);
  CHECK(node.engine.awaited() <= std::chrono::seconds{30});
  CHECK(std::count(ran.out.begin(), ran.out.end(), '\n') == 2); // the submitted one, and the one that succeeded
}

TEST_CASE("a refusal is told with its place and exits with 1") {
  const test::HttpFixture node;
  const auto ran = run_at(node, {"submit", "artifact:1", "k", "--delay", "soon"});
  CHECK(ran.status == 1);
  CHECK(contains(ran.err, "(at /delay)"));
  CHECK(run_at(node, {"job", "nothing"}).status == 1);
}

TEST_CASE("a node that is not there is told with what to do, and exits with 1") {
  const auto ran = run({"job", "x", "--url", "http://127.0.0.1:1"});
  CHECK(ran.status == 1);
  CHECK(contains(ran.err, "turnwise dev"));
}

TEST_CASE("with --json the node's answer is printed as it is") {
  const test::HttpFixture node;
  CHECK(run_at(node, {"submit", "artifact:1", "k", "--json"}).out.starts_with("{\"id\":\""));
  CHECK(contains(run_at(node, {"claim", "--kind", "k", "--json"}).out, "\"claims\":[]"));
}

TEST_CASE("a claim shows the turn that it won, and exits with 5 when there is none") {
  test::HttpFixture node;
  CHECK(run_at(node, {"claim", "--kind", "build_coverage"}).status == 5);
  node.engine.offer(test::grant_of(7, R"({"n":1.10})"));
  const auto ran = run_at(node, {"claim", "--kind", "build_coverage"});
  CHECK(ran.status == 0);
  CHECK(contains(ran.out, "receipt"));
  CHECK(contains(ran.out, R"({"n":1.10})"));
}

TEST_CASE("a subject is shown as a table of who waits and why") {
  test::HttpFixture node;
  node.engine.on_subject = [](const std::string& subject) {
    CHECK(subject == "path:a/b");
    model::SubjectView view;
    view.queue_length = 1;
    view.jobs.push_back({model::EntryNumber{7}, "move", model::JobState::waiting, {}, model::WaitReason::no_worker, {}, {}, 0});
    return view;
  };
  const auto ran = run_at(node, {"subject", "path:a/b"});
  CHECK(ran.status == 0);
  CHECK(contains(ran.out, "is next; no worker has asked for a job of kind move yet"));
}
