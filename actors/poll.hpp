// One worker's request for jobs, while it is under way: collects what the shards grant until everything promised has come.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/interfaces.hpp"

namespace turnwise::actors {

class Poll : public model::Recipient, public std::enable_shared_from_this<Poll> {
public:
  /// Gives back a grant that nobody wants any more.
  using GiveBack = std::function<void(const model::Grant&)>;

  Poll(ClaimRequest request, std::vector<model::KindId> kinds, std::shared_ptr<ClaimRecipient> recipient,
       dispatcher_actor dispatcher, GiveBack give_back);

  [[nodiscard]] const ClaimRequest& request() const { return request_; }
  [[nodiscard]] const std::vector<model::KindId>& kinds() const { return kinds_; }
  [[nodiscard]] model::MonoTime deadline() const { return arrived_ + request_.wait; }
  [[nodiscard]] bool gone() const { return recipient_->gone(); }

  /// Before `count` answers are asked for, all at once. Only when nothing is outstanding.
  void expect(std::uint32_t count);
  /// One of them: Grant, or anything else for nothing. With the last one the worker is answered, or the dispatcher is told
  /// that this round brought nothing.
  void deliver(std::uint32_t item, model::Response response) override;
  /// Answers that there is nothing.
  void give_up();
  void refuse(model::Error error) { recipient_->refused(std::move(error)); }

  /// The dispatcher's bookkeeping; nobody else looks at it.
  struct Waiting {
    std::vector<std::pair<model::KindId, std::list<std::shared_ptr<Poll>>::iterator>> places;
    std::multimap<model::MonoTime, std::shared_ptr<Poll>>::iterator timer;
    bool active{};
  } waiting;

private:
  void finish(std::vector<model::Grant> grants);

  const ClaimRequest request_;
  const std::vector<model::KindId> kinds_;
  const std::shared_ptr<ClaimRecipient> recipient_;
  const dispatcher_actor dispatcher_;
  const GiveBack give_back_;
  const model::MonoTime arrived_{model::BootClock::now()};

  std::mutex mutex_;
  std::uint32_t outstanding_{};
  milliseconds waited_{};
  std::vector<model::Grant> grants_;
};

} // namespace turnwise::actors
