// The engine put together: one object that owns a node's actors and threads, and sends requests to where they belong.
#include "actors/engine.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/send.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <map>
#include <mutex>

#include "actors/dispatcher.hpp"
#include "actors/keeper.hpp"
#include "actors/lists.hpp"
#include "actors/node_context.hpp"
#include "actors/poll.hpp"
#include "actors/random.hpp"
#include "actors/shard.hpp"
#include "actors/survey.hpp"
#include "model/subject.hpp"
#include "model/test_hooks.hpp"

namespace turnwise::actors {
namespace {

using model::Errc;
using model::Error;

/// How many messages an actor handles before others get their turn.
constexpr std::size_t messages_per_turn = 300;

struct SystemConfig : caf::actor_system_config {
  explicit SystemConfig(std::uint32_t threads) {
    set("caf.scheduler.policy", "sharing"); // idle workers sleep instead of looking for work
    set("caf.scheduler.max-threads", static_cast<std::size_t>(threads));
    set("caf.scheduler.max-throughput", messages_per_turn);
  }
};

/// Passes answers on; those that extend a lease only after the beat that rule R2 asks for.
class ConfirmedRecipient : public model::Recipient {
public:
  ConfirmedRecipient(std::shared_ptr<model::Recipient> to, Keeper& keeper) : to_(std::move(to)), keeper_(keeper) {}

  void deliver(std::uint32_t item, model::Response response) override {
    if (!std::holds_alternative<model::Extended>(response) || TURNWISE_MUTANT("M9")) {
      to_->deliver(item, std::move(response));
      return;
    }
    keeper_.confirm([to = to_, item, response](Keeper::Confirmed confirmed) {
      const bool extended = confirmed == Keeper::Confirmed::yes;
      to->deliver(item, extended ? response : Error{Errc::unavailable, "the lease could not be confirmed; try again", ""});
    });
  }

private:
  const std::shared_ptr<model::Recipient> to_;
  Keeper& keeper_;
};

model::Command to_command(Answer answer, model::Ticket ticket) {
  switch (answer.verb) {
  case Answer::Verb::complete:
    return model::Complete{answer.receipt.claim, std::move(answer.text), std::move(ticket)};
  case Answer::Verb::fail:
    return model::Fail{answer.receipt.claim, std::move(answer.text), answer.retry, answer.retry_after, std::move(ticket)};
  case Answer::Verb::release:
    return model::Release{answer.receipt.claim, std::move(ticket), answer.retry_after};
  case Answer::Verb::heartbeat:
    break;
  }
  return model::Heartbeat{answer.receipt.claim, std::move(ticket)};
}

class Node final : public Engine {
public:
  Node(EngineConfig config, Survey found, std::unique_ptr<storage::Store> store, std::unique_ptr<storage::Ownership> ownership,
       model::Incarnation incarnation, std::function<void(std::string)> on_fatal)
      : store_(std::move(store)),
        incarnation_(incarnation),
        system_config_(config.scheduler_threads),
        system_(system_config_),
        context_(std::move(config), std::move(found.cluster), system_.metrics()) {
    if (found.tokens) {
      context_.tokens.set(std::move(*found.tokens));
    }
    for (std::uint32_t i = 0; i < context_.config.lanes; ++i) {
      context_.lanes.push_back(std::make_unique<Lane>(store_->open_writer(), incarnation_, context_.metrics));
    }
    context_.readers = std::make_unique<ReaderPool>(*store_, context_.config.readers);
    if (auto reader = store_->open_outside()) {
      context_.intake = std::make_unique<Intake>(std::move(reader), context_.config.outside);
    }
    auto shards = std::make_shared<std::vector<shard_actor>>();
    shards_ = shards;
    context_.dispatcher = spawn_dispatcher(system_, context_, shards_);
    for (std::uint16_t i = 0; i < context_.cluster.shard_count; ++i) {
      shards->push_back(spawn_shard(system_, context_, model::ShardId{i}));
    }
    keeper_ = std::make_unique<Keeper>(std::move(ownership), incarnation_, context_, shards_, std::move(on_fatal));
  }

  ~Node() override {
    close_actors();
    system_.await_all_actors_done(); // they use what follows
    keeper_.reset();
    for (auto& lane : context_.lanes) {
      lane.reset();
    }
    context_.intake.reset();
    context_.readers.reset();
  }

  void submit(std::vector<model::NewJob> jobs, std::shared_ptr<model::Recipient> recipient) override {
    std::map<model::ShardId, SubmitJobs> by_shard;
    for (std::uint32_t i = 0; i < jobs.size(); ++i) {
      model::Ticket ticket{recipient, i};
      if (!may_be_new(jobs[i].kind)) {
        deliver(ticket, Error{Errc::backlog_full, "this node knows as many kinds as it may", "/kind"});
        continue;
      }
      const model::ShardId shard = model::shard_of(jobs[i].subject, context_.cluster.shard_count);
      by_shard[shard].items.push_back({std::move(jobs[i]), std::move(ticket)});
    }
    for (auto& [shard, message] : by_shard) {
      caf::anon_send(at(shard), std::move(message));
    }
  }

  void answer(std::vector<Answer> answers, std::shared_ptr<model::Recipient> recipient) override {
    std::map<model::ShardId, EntryCommands> by_shard;
    std::shared_ptr<model::Recipient> confirmed;
    for (std::uint32_t i = 0; i < answers.size(); ++i) {
      const model::Receipt receipt = answers[i].receipt;
      model::Ticket ticket{recipient, i};
      if (receipt.shard.value() >= shards_->size()) {
        deliver(ticket, Error{Errc::not_found, "there is no such job in this cluster", ""});
        continue;
      }
      if (answers[i].verb == Answer::Verb::heartbeat) {
        if (!confirmed) {
          confirmed = std::make_shared<ConfirmedRecipient>(recipient, *keeper_);
        }
        ticket.to = confirmed;
      }
      by_shard[receipt.shard].items.push_back({receipt.claim.entry, to_command(std::move(answers[i]), std::move(ticket)), {}});
    }
    for (auto& [shard, message] : by_shard) {
      caf::anon_send(at(shard), std::move(message));
    }
  }

  void claim(ClaimRequest request, std::shared_ptr<ClaimRecipient> recipient) override {
    std::vector<model::KindId> kinds;
    for (const std::string& kind : request.kinds) {
      if (!may_be_new(kind)) {
        recipient->refused({Errc::backlog_full, "this node knows as many kinds as it may", "/kinds"});
        return;
      }
      kinds.push_back(context_.kinds.intern(kind));
    }
    auto give_back = [shards = shards_](const model::Grant& grant) {
      const model::Claim claim{grant.entry, grant.attempt, grant.nonce};
      caf::anon_send((*shards)[grant.shard.value()], EntryCommands{{{grant.entry, model::Release{claim, {}}, {}}}});
    };
    auto poll =
        std::make_shared<Poll>(std::move(request), std::move(kinds), std::move(recipient), context_.dispatcher, give_back);
    caf::anon_send(context_.dispatcher, Seek{std::move(poll)});
  }

  void cancel(model::JobId job, model::Ticket ticket) override { ask(job, model::Cancel{job.entry, ticket}, ticket); }

  void retry(model::JobId job, model::Ticket ticket) override { ask(job, model::RetryNow{job.entry, ticket}, ticket); }

  void hold(HoldRequest request, model::Ticket ticket) override {
    if (request.deferred && !may_be_new(request.deferred->kind)) {
      deliver(ticket, Error{Errc::backlog_full, "this node knows as many kinds as it may", "/defer/kind"});
      return;
    }
    std::string subject = request.subject;
    tell(std::move(subject), model::TakeHold{.entry = {},
                                             .subject = std::move(request.subject),
                                             .owner = std::move(request.owner),
                                             .ttl = request.ttl,
                                             .on_busy = request.on_busy,
                                             .wait = request.wait,
                                             .arrived = model::BootClock::now(),
                                             .deferred = std::move(request.deferred),
                                             .ticket = std::move(ticket),
                                             .claimant = std::move(request.claimant)});
  }

  void renew_hold(HeldTurn turn, std::optional<milliseconds> ttl, model::Ticket ticket) override {
    ticket.to = std::make_shared<ConfirmedRecipient>(std::move(ticket.to), *keeper_);
    ask(turn.hold, model::RenewHold{turn.hold.entry, ttl, ticket, std::move(turn.claimant)}, ticket, turn.token);
  }

  void release_hold(HeldTurn turn, model::Ticket ticket) override {
    ask(turn.hold, model::ReleaseHold{turn.hold.entry, ticket, std::move(turn.claimant)}, ticket, turn.token);
  }

  void pause(std::string subject, std::string by, std::string why, model::Ticket ticket) override {
    std::string named = subject;
    tell(std::move(subject), model::Pause{{}, std::move(named), std::move(by), std::move(why), std::move(ticket)});
  }

  void resume(std::string subject, std::string by, model::Ticket ticket) override {
    tell(std::move(subject), model::Resume{std::move(by), std::move(ticket)});
  }

  void describe_job(model::JobId job, model::Ticket ticket) override { await_job(job, milliseconds{0}, std::move(ticket)); }

  void await_job(model::JobId job, milliseconds wait, model::Ticket ticket) override {
    if (exists(job, ticket)) {
      caf::anon_send(at(job.shard), DescribeJob{job.entry, wait, std::move(ticket)});
    }
  }

  void describe_subject(std::string subject, std::size_t jobs_max, model::Ticket ticket) override {
    const model::ShardId shard = model::shard_of(subject, context_.cluster.shard_count);
    caf::anon_send(at(shard), DescribeSubject{std::move(subject), jobs_max, std::move(ticket)});
  }

  void change_kind(model::KindChange change, model::Ticket ticket) override {
    if (const auto checked = model::check_kind(change.kind); !checked) {
      deliver(ticket, checked.error());
    } else if (!may_be_new(change.kind)) {
      deliver(ticket, Error{Errc::backlog_full, "this node knows as many kinds as it may", ""});
    } else {
      keeper_->change_kind(std::move(change), std::move(ticket));
    }
  }

  void watch_kinds(std::function<void()> changed) override { context_.live_kinds.watch(std::move(changed)); }
  [[nodiscard]] std::vector<KindStatus> kinds() const override { return context_.live_kinds.list(); }
  [[nodiscard]] std::optional<KindStatus> kind(const std::string& name) const override {
    return context_.live_kinds.find(name);
  }

  void list(model::ListFilter filter, model::ListPlace from, std::size_t items_max, model::Ticket ticket) override {
    list_entries(shards_, context_, std::move(filter), std::move(from), items_max, std::move(ticket));
  }

  void change(std::vector<Change> changes, std::shared_ptr<model::Recipient> recipient) override {
    for (std::uint32_t i = 0; i < changes.size(); ++i) {
      const model::JobId job = changes[i].job;
      const model::Ticket ticket{recipient, i};
      model::Command command = model::Cancel{job.entry, ticket};
      if (changes[i].verb == model::ChangeVerb::retry) {
        command = model::RetryNow{job.entry, ticket};
      }
      if (changes[i].subject.empty()) {
        ask(job, std::move(command), ticket);
      } else {
        tell(std::move(changes[i].subject), std::move(command));
      }
    }
  }

  void finished_jobs(std::string subject, model::EntryNumber before, std::size_t jobs_max, model::Ticket ticket) override {
    const model::ShardId shard = model::shard_of(subject, context_.cluster.shard_count);
    list_finished(*context_.readers, shard, std::move(subject), before, jobs_max, std::move(ticket));
  }

  EventFeed& events() override { return *context_.events; }

  [[nodiscard]] Stats stats() const override {
    Stats stats = context_.metrics.stats();
    stats.shards_total = context_.cluster.shard_count;
    return stats;
  }
  [[nodiscard]] std::string metrics() const override {
    const std::lock_guard lock(metrics_mutex_);
    context_.live_kinds.publish();
    return prometheus_text(system_.metrics());
  }
  [[nodiscard]] bool ready() const override {
    const Stats now = stats();
    return !context_.draining && now.journal_up && context_.trust.holds() && now.shards_owned == now.shards_total;
  }
  [[nodiscard]] model::WallTime wall_time() const override { return context_.clock.now().wall; }
  [[nodiscard]] const storage::ClusterMeta& cluster() const override { return context_.cluster; }
  [[nodiscard]] model::Incarnation incarnation() const override { return incarnation_; }
  [[nodiscard]] std::shared_ptr<const model::Tokens> tokens() const override { return context_.tokens.get(); }

  void drain() override {
    const auto deadline = model::BootClock::now() + context_.config.drain_max;
    context_.draining = true;
    caf::anon_send(context_.dispatcher, StopDispatch{});
    keeper_->stop_acquiring();
    spdlog::info("drain-started running={}", stats().jobs_running);
    while (stats().jobs_running > 0 && model::BootClock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds{10}); // running work is given its time
    }
    for (const shard_actor& shard : *shards_) {
      caf::anon_send(shard, Settle{});
    }
    const auto patience = std::max(deadline, model::BootClock::now()) + flush_max;
    while (stats().shards_owned > 0 && model::BootClock::now() < patience) {
      std::this_thread::sleep_for(milliseconds{2}); // what was accepted becomes durable
    }
    std::vector<storage::Holding> holdings;
    for (auto& lane : context_.lanes) {
      const auto held = lane->holdings();
      holdings.insert(holdings.end(), held.begin(), held.end());
    }
    std::sort(holdings.begin(), holdings.end());
    keeper_->give_back(std::move(holdings), model::BootClock::now() + flush_max);
    spdlog::info("drain-done running={}", stats().jobs_running);
  }

private:
  static constexpr milliseconds flush_max{2'000};

  [[nodiscard]] const shard_actor& at(model::ShardId shard) const { return (*shards_)[shard.value()]; }

  [[nodiscard]] bool may_be_new(const std::string& kind) const {
    return context_.kinds.size() < model::kinds_max || context_.kinds.find(kind).has_value();
  }

  bool exists(const model::JobId& job, const model::Ticket& ticket) const {
    if (job.shard.value() < shards_->size()) {
      return true;
    }
    deliver(ticket, Error{Errc::not_found, "there is no such job in this cluster", ""});
    return false;
  }

  void ask(const model::JobId& job, model::Command command, const model::Ticket& ticket,
           std::optional<model::FencingToken> token = {}) {
    if (exists(job, ticket)) {
      caf::anon_send(at(job.shard), EntryCommands{{{job.entry, std::move(command), token}}});
    }
  }

  void tell(std::string subject, model::Command command) {
    const model::ShardId shard = model::shard_of(subject, context_.cluster.shard_count);
    caf::anon_send(at(shard), SubjectCommand{std::move(subject), std::move(command)});
  }

  void close_actors() {
    for (const shard_actor& shard : *shards_) {
      caf::anon_send(shard, Close{});
    }
    caf::anon_send(context_.dispatcher, Close{});
  }

  const std::unique_ptr<storage::Store> store_;
  const model::Incarnation incarnation_;
  SystemConfig system_config_;
  caf::actor_system system_;
  NodeContext context_;
  std::shared_ptr<const std::vector<shard_actor>> shards_;
  std::unique_ptr<Keeper> keeper_;
  mutable std::mutex metrics_mutex_;
};

} // namespace

model::Result<std::unique_ptr<Engine>> Engine::start(EngineConfig config, std::unique_ptr<storage::Store> store,
                                                     std::function<void(std::string)> on_fatal) {
  static std::once_flag registered;
  std::call_once(registered, [] {
    caf::core::init_global_meta_objects();
    caf::init_global_meta_objects<caf::id_block::turnwise>();
  });
  if (const auto faults = validate(config); !faults.empty()) {
    return Error{Errc::malformed, fmt::format("{}", fmt::join(faults, "; ")), ""};
  }
  auto ownership = store->open_ownership();
  auto found = survey(*ownership, config);
  if (!found.ok()) {
    return found.error();
  }
  const model::Incarnation incarnation{random_128()};
  const auto joined = ownership->join({incarnation, config.node_name, config.address}, config.node_ttl);
  if (!joined.ok()) {
    return joined.error();
  }
  spdlog::info("node-joined name={} address={} incarnation={} predecessors={}", config.node_name, config.address,
               model::to_uuid(incarnation.bits), *joined);
  return std::unique_ptr<Engine>(std::make_unique<Node>(std::move(config), std::move(*found), std::move(store),
                                                        std::move(ownership), incarnation, std::move(on_fatal)));
}

} // namespace turnwise::actors
