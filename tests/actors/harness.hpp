// What the tests of the engine share: nodes on one store, and recipients that wait for answers with a bound.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "actors/engine.hpp"
#include "model/job_story.hpp"
#include "storage/memory/store.hpp"

namespace turnwise::tests {

using actors::milliseconds;
using namespace std::chrono_literals;

/// The longest that anything here may take; nothing waits that long when all is well.
inline constexpr std::chrono::seconds patience{20};

/// Takes a safety rule out as long as it lives.
class Mutant {
public:
  explicit Mutant(const char* name) { ::setenv("TURNWISE_MUTANTS", name, 1); }
  ~Mutant() { ::unsetenv("TURNWISE_MUTANTS"); }
  Mutant(const Mutant&) = delete;
  Mutant& operator=(const Mutant&) = delete;
};

/// Lets several nodes, one after the other or side by side, open the same store.
class SharedStore : public storage::Store {
public:
  explicit SharedStore(std::shared_ptr<storage::Store> inner) : inner_(std::move(inner)) {}
  std::unique_ptr<storage::JournalWriter> open_writer() override { return inner_->open_writer(); }
  std::unique_ptr<storage::JournalReader> open_reader() override { return inner_->open_reader(); }
  std::unique_ptr<storage::Ownership> open_ownership() override { return inner_->open_ownership(); }
  std::unique_ptr<storage::OutsideReader> open_outside() override { return inner_->open_outside(); }

private:
  std::shared_ptr<storage::Store> inner_;
};

/// A store whose beats fail while it is cut off, and do not end while it is frozen.
class IsolatedStore : public SharedStore {
public:
  using SharedStore::SharedStore;
  std::unique_ptr<storage::Ownership> open_ownership() override;
  std::atomic<bool> is_cut{false};
  std::atomic<bool> is_frozen{false};
};

/// Collects the answers to a request of so many items.
class Answers : public model::Recipient {
public:
  explicit Answers(std::size_t count) : responses_(count) {}

  void deliver(std::uint32_t item, model::Response response) override {
    const std::lock_guard lock(mutex_);
    ++deliveries_;
    responses_.at(item) = std::move(response);
    arrived_.notify_all();
  }

  /// All answers; fails the test when one does not come.
  std::vector<model::Response> wait() {
    std::unique_lock lock(mutex_);
    const bool complete = arrived_.wait_for(lock, patience, [&] { return deliveries_ >= responses_.size(); });
    REQUIRE(complete);
    std::vector<model::Response> all;
    for (const auto& response : responses_) {
      all.push_back(response.value());
    }
    return all;
  }

  /// Whether all answers come within `span`.
  bool arrives_within(milliseconds span) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, span, [&] { return deliveries_ >= responses_.size(); });
  }

private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::optional<model::Response>> responses_;
  std::size_t deliveries_{};
};

/// Waits for the grants of a claim.
class Claimed : public actors::ClaimRecipient {
public:
  void claimed(std::vector<model::Grant> grants, milliseconds waited) override {
    const std::lock_guard lock(mutex_);
    grants_ = std::move(grants);
    waited_ = waited;
    done_.notify_all();
  }
  void refused(model::Error error) override {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
    grants_.emplace();
    done_.notify_all();
  }
  [[nodiscard]] bool gone() const override { return false; }

  std::vector<model::Grant> wait() {
    std::unique_lock lock(mutex_);
    REQUIRE(done_.wait_for(lock, patience, [&] { return grants_.has_value(); }));
    return *grants_;
  }

private:
  std::mutex mutex_;
  std::condition_variable done_;
  std::optional<std::vector<model::Grant>> grants_;
  milliseconds waited_{};
  std::optional<model::Error> error_;
};

/// A node for tests: short beats and leases, and calls that wait for their answers.
class TestNode {
public:
  explicit TestNode(std::shared_ptr<storage::Store> store, const std::function<void(actors::EngineConfig&)>& adjust = {});

  actors::Engine* operator->() { return engine_.get(); }
  actors::Engine& operator*() { return *engine_; }

  model::Response submit(model::NewJob job) { return submit_all({std::move(job)}).front(); }
  std::vector<model::Response> submit_all(std::vector<model::NewJob> jobs);
  std::vector<model::Grant> claim(const std::string& kind, std::uint32_t max = 1, milliseconds wait = 10s,
                                  std::optional<milliseconds> lease = {});
  model::Response answer(const model::Grant& grant, actors::Answer::Verb verb, std::string text = {});
  model::Response complete(const model::Grant& grant) { return answer(grant, actors::Answer::Verb::complete, "1"); }
  model::Response fail(const model::Grant& grant) { return answer(grant, actors::Answer::Verb::fail, "no"); }
  model::JobStory story(model::JobId job);
  model::SubjectView subject(const std::string& subject);
  /// Waits until all shards are loaded.
  void wait_until_ready();
  /// Waits until `holds` does.
  void wait_until(const std::function<bool()>& holds);

private:
  std::unique_ptr<actors::Engine> engine_;
};

/// A job of kind "work".
model::NewJob job_for(std::string subject, std::string payload = "{}");

template <class T>
T get(const model::Response& response) {
  if (const auto* error = std::get_if<model::Error>(&response)) {
    INFO("error " << model::name(error->code) << ": " << error->detail);
  }
  REQUIRE(std::holds_alternative<T>(response));
  return std::get<T>(response);
}

inline model::Errc get_error(const model::Response& response) {
  REQUIRE(std::holds_alternative<model::Error>(response));
  return std::get<model::Error>(response).code;
}

inline model::JobId id_of(const model::Response& response) {
  const auto accepted = get<model::Accepted>(response);
  return {accepted.shard, accepted.entry};
}

} // namespace turnwise::tests
