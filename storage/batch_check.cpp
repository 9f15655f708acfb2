// Finds what no journal can keep.
#include "storage/batch_check.hpp"

#include <algorithm>
#include <array>

#include "model/subject.hpp"

namespace turnwise::storage {
namespace {

/// The texts of a body that come from outside; the rest are empty.
using Texts = std::array<std::string_view, 8>;

struct TextsOf {
  Texts operator()(const model::Submitted& body) const {
    return {body.subject, body.kind, body.key, body.metadata, body.payload};
  }
  Texts operator()(const model::Carried& body) const {
    const std::string_view worker = body.turn ? std::string_view{body.turn->worker} : std::string_view{};
    return {body.job.subject, body.job.kind, body.job.key, body.job.metadata, body.job.payload, worker, body.by, body.why};
  }
  Texts operator()(const model::Started& body) const { return {body.worker}; }
  Texts operator()(const model::Succeeded& body) const { return {body.result}; }
  Texts operator()(const model::AttemptFailed& body) const { return {body.error}; }
  Texts operator()(const model::Replaced& body) const {
    return {body.metadata, body.payload, body.subject, body.kind, body.key};
  }
  Texts operator()(const model::Coalesced& body) const { return {body.subject, body.kind, body.key}; }
  Texts operator()(const model::Held& body) const { return {body.subject, body.owner}; }
  Texts operator()(const model::Paused& body) const { return {body.subject, body.by, body.why}; }
  Texts operator()(const model::Resumed& body) const { return {body.by}; }
  Texts operator()(const model::Taken& body) const { return {body.why}; }
  Texts operator()(const model::OutsideCursor&) const { return {}; }
  Texts operator()(const model::HoldProlonged&) const { return {}; }
  Texts operator()(const model::HoldReleased&) const { return {}; }
  Texts operator()(const model::HoldExpired&) const { return {}; }
  Texts operator()(const model::Due&) const { return {}; }
  Texts operator()(const model::Released&) const { return {}; }
  Texts operator()(const model::CancelRequested&) const { return {}; }
  Texts operator()(const model::Cancelled&) const { return {}; }
  Texts operator()(const model::Retried&) const { return {}; }
  Texts operator()(const model::WaitExpired&) const { return {}; }
};

bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

} // namespace

std::string fault_of(std::span<const Holding> holdings, std::span<const Row> rows) {
  for (const auto& row : rows) {
    if (!std::ranges::binary_search(holdings, row.shard, {}, &Holding::shard)) {
      return "a row of shard " + std::to_string(row.shard.value()) + ", which the batch does not hold";
    }
    if (std::ranges::any_of(std::visit(TextsOf{}, row.record.body), has_nul)) {
      return "a NUL byte in a text of entry " + std::to_string(row.record.entry.value());
    }
  }
  return {};
}

bool is_utf8(std::span<const Row> rows) {
  return std::ranges::all_of(rows, [](const Row& row) {
    return std::ranges::all_of(std::visit(TextsOf{}, row.record.body), [](auto text) { return model::is_utf8(text); });
  });
}

} // namespace turnwise::storage
