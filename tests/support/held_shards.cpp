#include "tests/support/held_shards.hpp"

#include <chrono>
#include <pqxx/pqxx>
#include <stdexcept>
#include <thread>

namespace turnwise::tests {

struct HeldShards::Session {
  explicit Session(const std::string& connection) : holder(connection), watcher(connection), transaction(holder) {
    transaction.exec("SELECT FROM turnwise.shard ORDER BY shard_id FOR UPDATE");
  }
  pqxx::connection holder;
  pqxx::connection watcher;
  pqxx::work transaction;
};

HeldShards::HeldShards(const std::string& connection) : session_(std::make_unique<Session>(connection)) {}
HeldShards::~HeldShards() = default;

void HeldShards::wait_for_waiter() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  pqxx::nontransaction query(session_->watcher);
  while (query.query_value<int>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                                "wait_event_type = 'Lock'") == 0) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("no session waits for the shards");
    std::this_thread::yield();
  }
}

void HeldShards::release() {
  session_->transaction.commit();
}

} // namespace turnwise::tests
