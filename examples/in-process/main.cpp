// A program of yours that is a Turnwise node: it links the library, registers functions for kinds, and serves. Jobs for one
// subject call the functions one at a time, in order; everything else runs in parallel.
//
//   turnwise migrate --database "$DATABASE"
//   in-process "$DATABASE"                        # serves on 127.0.0.1:7171 until Ctrl-C
//   turnwise submit account:7 deposit --payload '{"amount":5}'
//   turnwise job ID
#include <iostream>
#include <map>
#include <mutex>
#include <string>

#include "app/node/run.hpp"
#include "storage/postgres/store.hpp"

namespace {

using turnwise::handlers::GiveUp;
using turnwise::handlers::HandlerResult;
using turnwise::handlers::JobContext;
using turnwise::handlers::Success;

/// What the functions work on. The lock keeps the map whole; that no two jobs change one account at once needs no lock: the
/// account is the subject.
class Accounts {
public:
  long& of(const std::string& subject) {
    const std::lock_guard lock(mutex_);
    return balances_[subject];
  }

private:
  std::mutex mutex_;
  std::map<std::string, long> balances_;
};

/// The number after "amount": in a payload like {"amount":5}; your program would use its JSON library.
long amount_in(const std::string& payload) {
  const auto colon = payload.find(':', payload.find("\"amount\""));
  return colon == std::string::npos ? 0 : std::atol(payload.c_str() + colon + 1);
}

HandlerResult deposit(Accounts& accounts, const JobContext& job) {
  const long amount = amount_in(job.payload);
  if (amount <= 0) {
    return GiveUp{.error = "a deposit needs a positive amount: {\"amount\":5}"}; // another attempt would not help
  }
  long& balance = accounts.of(job.subject);
  balance += amount;
  return Success{.result = "{\"balance\":" + std::to_string(balance) + "}"};
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: in-process DATABASE   (a libpq connection string or URI, migrated by `turnwise migrate`)\n";
    return turnwise::node::exit_usage;
  }
  Accounts accounts;
  turnwise::node::Parts parts;
  parts.store = turnwise::storage::open_postgres({.connection = argv[1]});
  parts.in_process.push_back(
      {.kind = "deposit", .handler = [&](const JobContext& job) { return deposit(accounts, job); }, .concurrency = 4});
  parts.up = [](const std::string& url) { std::cerr << "serving on " << url << '\n'; };
  return turnwise::node::run(std::move(parts));
}
