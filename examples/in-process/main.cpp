// A program of yours that is a Turnwise node: it links the library, registers functions for kinds, and serves. Jobs for one
// subject call the functions in order, each when the one before is done or has lost its lease; everything else runs in
// parallel.
//
//   turnwise migrate --database "$DATABASE"
//   in-process "$DATABASE"                        # serves on 127.0.0.1:7171 until Ctrl-C
//   turnwise submit account:7 deposit --payload '{"amount":5}'
//   turnwise job ID
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "app/node/run.hpp"
#include "storage/postgres/store.hpp"

namespace {

using turnwise::handlers::GiveUp;
using turnwise::handlers::HandlerResult;
using turnwise::handlers::JobContext;
using turnwise::handlers::RetryLater;
using turnwise::handlers::Success;

/// What the functions work on: in your program a table, where all this is one transaction.
///
/// That jobs of a subject take turns does not mean that one call of a function ends before the next begins: after an attempt
/// has lost its lease, another one starts, and the first may still be running. So there is a lock, and two questions:
/// * Has a later turn been here? The fencing token grows with every turn of the subject; who comes with an older one is late.
/// * Was this job done before? An attempt may have done the work and lost its lease before it could say so. Then the next one
///   finds the job's id, and changes nothing.
class Accounts {
public:
  /// The balance afterwards, or nothing when this attempt is too late.
  std::optional<long> deposit(const JobContext& job, long amount) {
    const std::lock_guard lock(mutex_);
    Account& account = accounts_[job.subject];
    if (job.fencing_token < account.last_token) {
      return std::nullopt;
    }
    account.last_token = job.fencing_token;
    if (account.done_jobs.insert(job.job).second) {
      account.balance += amount;
    }
    return account.balance;
  }

private:
  struct Account {
    long balance{};
    turnwise::model::FencingToken last_token;
    std::set<std::string> done_jobs; ///< all of them: a parked job may be retried after many others
  };
  std::mutex mutex_;
  std::map<std::string, Account> accounts_;
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
  const auto balance = accounts.deposit(job, amount);
  if (!balance) {
    return RetryLater{.error = "a later turn of the account has begun"}; // nobody will hear: this attempt is over
  }
  return Success{.result = "{\"balance\":" + std::to_string(*balance) + "}"};
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') {
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
