#include "tests/e2e/node_process.hpp"

#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <stdexcept>
#include <thread>

namespace turnwise::tests {
namespace {

/// A port that was free a moment ago.
int free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw std::runtime_error("no free port");
  ::close(listener);
  return ntohs(address.sin_port);
}

pid_t spawn(const std::vector<std::string>& arguments, const NodeProcess::Environment& environment) {
  std::vector<std::string> words{TURNWISE_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> settings;
  for (char** setting = environ; *setting != nullptr; ++setting)
    settings.emplace_back(*setting);
  for (const auto& [name, value] : environment)
    settings.push_back(name + "=" + value);
  std::vector<char*> envp;
  for (auto& setting : settings)
    envp.push_back(setting.data());
  envp.push_back(nullptr);
  pid_t pid = 0;
  if (const int failure = ::posix_spawn(&pid, TURNWISE_PROGRAM, nullptr, nullptr, argv.data(), envp.data()); failure != 0)
    throw std::runtime_error(std::string("posix_spawn: ") + std::strerror(failure));
  return pid;
}

int wait_for_end(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

NodeProcess::NodeProcess(std::string connection, std::vector<std::string> options)
    : connection_(std::move(connection)), options_(std::move(options)), address_("127.0.0.1:" + std::to_string(free_port())) {
  REQUIRE(run_turnwise({"migrate", "--database", connection_}) == 0);
}

NodeProcess::~NodeProcess() {
  if (pid_ != 0)
    kill();
}

void NodeProcess::launch(const Environment& environment) {
  std::vector<std::string> arguments{"serve", "--database", connection_, "--listen", address_, "--log-level", "warn"};
  arguments.insert(arguments.end(), options_.begin(), options_.end());
  pid_ = spawn(arguments, environment);
}

void NodeProcess::start(const Environment& environment) {
  launch(environment);
  auto client = connect();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!client.ready()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    REQUIRE(::waitpid(pid_, nullptr, WNOHANG) == 0);
    std::this_thread::yield();
  }
}

void NodeProcess::kill() {
  ::kill(pid_, SIGKILL);
  wait();
}

int NodeProcess::stop() {
  ::kill(pid_, SIGTERM);
  return wait();
}

int NodeProcess::wait() {
  return wait_for_end(std::exchange(pid_, 0));
}

client::Client NodeProcess::connect() const {
  return client::Client::open("http://" + address_).value();
}

int run_turnwise(const std::vector<std::string>& arguments) {
  return wait_for_end(spawn(arguments, {}));
}

client::NewJob keyed_job(std::string key) {
  client::NewJob job;
  job.subject = "a:1";
  job.kind = "work";
  job.payload = R"({"n":1})";
  job.idempotency_key = std::move(key);
  job.options.backoff = model::Backoff{1ms, 1.0, 1ms, model::Jitter::none};
  return job;
}

client::Grant claim_one(const NodeProcess& node) {
  auto client = node.connect();
  client::ClaimRequest request;
  request.worker = "tester";
  request.kinds = {"work"};
  request.wait = 10s;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto claimed = client.claim(request);
    if (claimed.ok() && !claimed->grants.empty())
      return claimed->grants.front();
    REQUIRE(std::chrono::steady_clock::now() < deadline);
  }
}

} // namespace turnwise::tests
