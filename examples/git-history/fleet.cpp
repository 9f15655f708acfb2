#include "examples/git-history/fleet.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <stdexcept>
#include <thread>

#include "app/client/client.hpp"

namespace turnwise::git_history {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

namespace {
constexpr std::size_t surprises_max = 20;
}

void Fleet::start() {
  if (owns_node()) {
    start_node();
  }
  wait_until_ready();
  workers_.resize(worker_count());
  for (std::size_t i = 0; i < worker_count(); ++i) {
    start_worker(i);
  }
}

void Fleet::start_node() {
  const auto log = open_log(settings_.node_log);
  // SIGTERM, so that a node that keeps a PostgreSQL of its own can stop it.
  node_ = ChildProcess{{settings_.node_command, -1, log.get(), log.get(), SIGTERM}};
}

void Fleet::start_worker(std::size_t index) {
  const auto log = open_log(settings_.worker_log);
  workers_[index] = ChildProcess{{settings_.worker_commands[index], -1, log.get(), log.get()}};
}

void Fleet::wait_until_ready() {
  auto client = client::Client::open(settings_.url);
  if (!client) {
    throw std::runtime_error{client.error().detail};
  }
  const auto until = Clock::now() + seconds{owns_node() ? 90 : 10};
  while (!client->ready()) {
    if (owns_node() && !node_.running()) {
      throw std::runtime_error{"the node ended with status " + std::to_string(node_.status()) + "; see " + settings_.node_log};
    }
    if (Clock::now() > until) {
      throw std::runtime_error{"no node is ready at " + settings_.url + (owns_node() ? "; see " + settings_.node_log : "")};
    }
    std::this_thread::sleep_for(milliseconds{50});
  }
}

void Fleet::surprise(const std::string& who, int status) {
  if (surprises_.size() < surprises_max) {
    surprises_.push_back(who + " ended by itself with status " + std::to_string(status));
  }
}

void Fleet::revive() {
  if (owns_node() && !node_.running()) {
    surprise("the node", node_.status());
    start_node();
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i].running()) {
      continue;
    }
    surprise("worker " + std::to_string(i + 1), workers_[i].status());
    start_worker(i);
  }
}

void Fleet::kill_node() {
  node_.kill_now();
  ++node_kills_;
  start_node();
}

void Fleet::kill_worker(std::size_t index) {
  workers_[index].kill_now();
  ++worker_kills_;
  start_worker(index);
}

void Fleet::stop() {
  for (auto& worker : workers_) {
    worker.signal(SIGTERM);
  }
  for (auto& worker : workers_) {
    worker.wait_for(seconds{5});
  }
  workers_.clear();
  node_.signal(SIGTERM);
  if (!node_.wait_for(seconds{40})) {
    surprise("after 40 s of SIGTERM the node", 128 + SIGKILL);
  }
  node_.kill_now();
}

Nemesis::Nemesis(std::uint64_t seed, milliseconds interval) : random_(seed), interval_(interval) {
  wait_again();
}

void Nemesis::wait_again() {
  const auto mean = interval_.count();
  next_ = Clock::now() + milliseconds{std::uniform_int_distribution<std::int64_t>{mean / 4, mean * 7 / 4}(random_)};
}

void Nemesis::act(Fleet& fleet) {
  if (Clock::now() < next_) {
    return;
  }
  const auto choice = random_() % 10;
  const auto victim = random_() % fleet.worker_count();
  const bool everything = choice == 9;
  for (std::size_t i = 0; i < fleet.worker_count(); ++i) {
    if (everything || ((choice >= 5 || !fleet.owns_node()) && i == victim)) {
      fleet.kill_worker(i);
    }
  }
  if (fleet.owns_node() && (everything || choice < 5)) {
    fleet.kill_node();
  }
  wait_again();
}

std::uint16_t free_port() {
  const FileDescriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(socket.get(), generic, size) != 0 || getsockname(socket.get(), generic, &size) != 0) {
    throw std::runtime_error{"there is no free port on the loopback address"};
  }
  return ntohs(address.sin_port);
}

} // namespace turnwise::git_history
