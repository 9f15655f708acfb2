#include "app/turns/give_back.hpp"

#include <memory>
#include <utility>

namespace turnwise::turns {
namespace {

class Nobody final : public model::Recipient {
public:
  void deliver(std::uint32_t /*item*/, model::Response /*response*/) override {}
};

} // namespace

std::vector<model::Receipt> receipts_of(const std::vector<model::Grant>& grants) {
  std::vector<model::Receipt> receipts;
  receipts.reserve(grants.size());
  for (const auto& grant : grants) {
    receipts.push_back(receipt_of(grant));
  }
  return receipts;
}

void give_back(actors::Engine& engine, const std::vector<model::Receipt>& receipts) {
  std::vector<actors::Answer> answers;
  answers.reserve(receipts.size());
  for (const auto& receipt : receipts) {
    actors::Answer answer;
    answer.receipt = receipt;
    answer.verb = actors::Answer::Verb::release;
    answers.push_back(std::move(answer));
  }
  if (!answers.empty()) {
    engine.answer(std::move(answers), std::make_shared<Nobody>());
  }
}

} // namespace turnwise::turns
