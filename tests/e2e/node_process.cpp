#include "tests/e2e/node_process.hpp"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

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

} // namespace

NodeProcess::NodeProcess(std::string connection, std::vector<std::string> options)
    : connection_(std::move(connection)), options_(std::move(options)), address_("127.0.0.1:" + std::to_string(free_port())) {
  REQUIRE(run_turnwise({"migrate", "--database", connection_}) == 0);
}

NodeProcess::~NodeProcess() = default;

void NodeProcess::launch(const Environment& environment) {
  std::vector<std::string> arguments{"serve", "--database", connection_, "--listen", address_, "--log-level", "warn"};
  arguments.insert(arguments.end(), options_.begin(), options_.end());
  process_.emplace(TURNWISE_PROGRAM, arguments, environment);
}

void NodeProcess::start(const Environment& environment) {
  launch(environment);
  auto client = connect();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!client.ready()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    REQUIRE(process_->runs());
    std::this_thread::yield();
  }
}

void NodeProcess::kill() {
  process_->signal(SIGKILL);
  wait();
}

int NodeProcess::stop() {
  process_->signal(SIGTERM);
  return wait();
}

int NodeProcess::wait() {
  const auto status = process_->wait_for_end(patience);
  REQUIRE(status);
  process_.reset();
  return *status;
}

client::Client NodeProcess::connect(client::Options options) const {
  return client::Client::open("http://" + address_, std::move(options)).value();
}

int run_turnwise(const std::vector<std::string>& arguments) {
  Child child(TURNWISE_PROGRAM, arguments);
  const auto status = child.wait_for_end(patience);
  REQUIRE(status);
  return *status;
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

client::Grant claim_one(const NodeProcess& node, const std::string& kind) {
  auto client = node.connect();
  client::ClaimRequest request;
  request.worker = "tester";
  request.kinds = {kind};
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
