// What every journal keeps: what was written comes back, all of a batch or nothing, in the right order.
#include <algorithm>

#include "tests/storage/backend.hpp"
#include "tests/support/history.hpp"

namespace turnwise::storage {
namespace {

using model::RecordBody;

constexpr ShardId shard{3};

/// Texts that break careless quoting.
const std::vector<std::string> nasty_texts{
    "\"",   "\\",  "\\\"\\u0041\\N", "line\nbreak\ttab\r", "'; DROP TABLE turnwise.node; --", "{a,\"b\",NULL}",
    "NULL", "\\N", "Grüße, 世界 🎈",  "\x01\x1f\x7f",       "\xc2\xa0 \xe2\x80\xa8",           std::string(5'000, 'x'),
};

model::JobOptions all_options() {
  return {.max_attempts = 3,
          .backoff = model::Backoff{.initial = std::chrono::milliseconds{7},
                                    .factor = 1.1,
                                    .max = std::chrono::milliseconds{123'456},
                                    .jitter = model::Jitter::none},
          .on_failure = model::OnFailure::halt,
          .timeout = std::chrono::milliseconds{0},
          .lease = std::chrono::milliseconds{3'001}};
}

model::Submitted submitted(const std::string& text) {
  return {.subject = text,
          .kind = text,
          .key = text,
          .fingerprint = ~model::Fingerprint{0},
          .options = all_options(),
          .run_at = noon + std::chrono::microseconds{1},
          .expires_at = noon - std::chrono::hours{1'000'000}, // before 1970
          .metadata = text,
          .payload = text};
}

model::Started started(const std::string& worker) {
  model::Policy policy;
  policy.backoff.factor = 0.1 + 0.2;
  policy.on_failure = model::OnFailure::discard;
  return {.attempt = model::Attempt{4'000'000'000}, .nonce = {random_incarnation().bits}, .worker = worker, .policy = policy};
}

model::Carried carried(const std::string& text) {
  const auto turn = started(text);
  return {.type = model::CarriedType::job,
          .job = submitted(text),
          .since = noon - std::chrono::hours{400},
          .state = model::JobState::running,
          .due = noon + std::chrono::microseconds{3},
          .expires_at = noon + std::chrono::microseconds{4},
          .attempt = turn.attempt,
          .failures = 4'000'000'000,
          .turn = model::CarriedTurn{.nonce = turn.nonce,
                                     .worker = text,
                                     .policy = turn.policy,
                                     .started_at = noon - std::chrono::microseconds{1},
                                     .token = model::FencingToken{(std::uint64_t{1} << 62U) + 1},
                                     .open = false,
                                     .cancel_requested = true,
                                     .claimant = text},
          .by = text,
          .why = text};
}

model::Carried carried_pause(const std::string& text) {
  model::Carried pause;
  pause.type = model::CarriedType::pause;
  pause.job.subject = text;
  pause.since = noon;
  pause.by = pause.why = text;
  return pause;
}

/// One record of each type with this text wherever there is one, in an order in which a job could have had them.
std::vector<RecordBody> every_type_with(const std::string& text) {
  const model::Attempt first{1};
  return {
      submitted(text),
      std::get<model::Submitted>(opening({shard, Epoch{1}}, 0).record.body),
      model::Due{},
      model::Replaced{.fingerprint = 1,
                      .options = all_options(),
                      .expires_at = noon,
                      .metadata = text,
                      .payload = text,
                      .traceparent = text},
      model::Replaced{},
      model::Replaced{.fingerprint = 1,
                      .options = {},
                      .expires_at = {},
                      .metadata = {},
                      .payload = text,
                      .subject = text,
                      .kind = text,
                      .key = text,
                      .outside = model::OutsideId{5}},
      started(text),
      model::Started{.attempt = first, .nonce = {}, .worker = {}, .policy = {}},
      model::Started{.attempt = first, .nonce = {}, .worker = text, .policy = {}, .claimant = text},
      model::AttemptFailed{first, model::FailureCause::failed, model::JobState::retrying, noon, text},
      model::AttemptFailed{first, model::FailureCause::expired, model::JobState::parked, {}, text},
      model::AttemptFailed{first, model::FailureCause::timed_out, model::JobState::cancelled, {}, {}},
      model::Released{first},
      model::Released{first, noon},
      model::CancelRequested{},
      model::Retried{},
      model::Succeeded{first, text},
      model::Succeeded{first, {}, model::OutsideId{7}},
      model::Cancelled{},
      model::Coalesced{text, text, text, 7},
      model::Coalesced{text, text, {}, 0, model::OutsideId{8}},
      model::Taken{model::OutsideId{9}, model::EntryNumber{10}, text},
      model::OutsideCursor{model::OutsideId{20},
                           {{model::OutsideId{3}, model::OutsideId{3}}, {model::OutsideId{7}, model::OutsideId{9}}}},
      model::OutsideCursor{},
      model::WaitExpired{},
      model::Held{text, text, std::chrono::milliseconds{1'500}},
      model::Held{text, text, std::chrono::milliseconds{1'500}, text},
      model::HoldProlonged{std::chrono::hours{1}},
      model::HoldReleased{},
      model::HoldExpired{},
      model::Paused{text, text, text},
      model::Resumed{text},
      carried(text),
      carried_pause(text),
  };
}

/// What a replay gives of it.
RecordBody without_texts(RecordBody body) {
  if (auto* job = std::get_if<model::Submitted>(&body)) {
    job->payload.clear();
  } else if (auto* change = std::get_if<model::Replaced>(&body)) {
    change->payload.clear();
  } else if (auto* success = std::get_if<model::Succeeded>(&body)) {
    success->result.clear();
  } else if (auto* failure = std::get_if<model::AttemptFailed>(&body)) {
    failure->error.clear();
  } else if (auto* carried = std::get_if<model::Carried>(&body)) {
    carried->job.payload.clear();
  }
  return body;
}

CONFORMANCE("every type of record comes back as it was written, whatever its texts hold") {
  TestNode node{*backend.store};
  const auto holding = node.acquire(shard);
  std::vector<Row> rows;
  for (const auto& text : nasty_texts) {
    for (auto& body : every_type_with(text)) {
      rows.push_back(row(holding, 0, rows.size(), std::move(body)));
    }
  }
  REQUIRE(node.append({holding}, rows).status == AppendStatus::committed);

  const auto history = tests::history_of(*node.reader, shard, rows.front().record.entry);
  REQUIRE(history.ok());
  REQUIRE(history->size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i, model::name(model::event_of(rows[i].record.body)));
    CHECK((*history)[i].sequence == rows[i].sequence);
    CHECK((*history)[i].record == rows[i].record);
  }

  std::size_t i = 0;
  REQUIRE(node.reader
              ->replay(shard,
                       [&](Sequence sequence, model::Record&& record) {
                         REQUIRE(i < rows.size());
                         CAPTURE(i, model::name(model::event_of(rows[i].record.body)));
                         CHECK(sequence == rows[i].sequence);
                         CHECK(record.entry == rows[i].record.entry);
                         CHECK(record.at == rows[i].record.at);
                         CHECK(record.body == without_texts(rows[i].record.body));
                         ++i;
                       })
              .ok());
  CHECK(i == rows.size());
}

CONFORMANCE("replay gives a shard's rows by entry, then by sequence, and nothing of other shards") {
  TestNode node{*backend.store};
  const auto here = node.acquire(shard);
  const auto there = node.acquire(ShardId{4});
  REQUIRE(node.append({here, there}, {opening(here, 1), opening(here, 2), opening(there, 3)}).status ==
          AppendStatus::committed);
  REQUIRE(node.append({here}, {row(here, 2, 4, model::Due{}), row(here, 1, 5, model::Due{}), row(here, 2, 6, model::Due{})})
              .status == AppendStatus::committed);

  const auto at = [&](std::uint64_t entry, std::uint64_t sequence) {
    return std::pair{EntryNumber{number(here, entry).value()}, number(here, sequence)};
  };
  CHECK(replayed(*node.reader, shard) == std::vector{at(1, 1), at(1, 5), at(2, 2), at(2, 4), at(2, 6)});
  CHECK(replayed(*node.reader, ShardId{4}).size() == 1);
  CHECK(replayed(*node.reader, ShardId{5}).empty());
}

CONFORMANCE("rows of one entry are found together, in whichever segments they lie") {
  TestNode node{*backend.store};
  const auto holding = node.acquire(shard);
  const auto next_segment = [&] { REQUIRE(node.ownership->extend_journal({}).ok()); };
  model::Replaced change;
  change.payload = "[2]";
  REQUIRE(node.append({holding}, {opening(holding, 1), opening(holding, 2)}).status == AppendStatus::committed);
  next_segment();
  REQUIRE(node.append({holding}, {row(holding, 1, 3, change), opening(holding, 4)}).status == AppendStatus::committed);
  next_segment();
  REQUIRE(node.append({holding}, {row(holding, 2, 5, model::Due{}), row(holding, 1, 6, model::Due{})}).status ==
          AppendStatus::committed);

  const auto entry = [&](std::uint64_t n) { return EntryNumber{number(holding, n).value()}; };
  const std::vector<std::pair<EntryNumber, Sequence>> expected{{entry(1), number(holding, 1)}, {entry(1), number(holding, 3)},
                                                               {entry(1), number(holding, 6)}, {entry(2), number(holding, 2)},
                                                               {entry(2), number(holding, 5)}, {entry(4), number(holding, 4)}};
  CHECK(replayed(*node.reader, shard) == expected);
  CHECK(tests::history_of(*node.reader, shard, entry(1))->size() == 3);
  CHECK(tests::history_of(*node.reader, shard, entry(4))->size() == 1);
  const std::vector<std::pair<ShardId, EntryNumber>> wanted{{shard, entry(1)}, {shard, entry(4)}};
  const auto bodies = node.reader->bodies(wanted);
  REQUIRE(bodies->size() == 2);
  CHECK(std::ranges::find(*bodies, entry(1), &Body::entry)->job.payload == "[2]");
  CHECK(*node.writer->contains(shard, entry(1), number(holding, 1)));
  CHECK(*node.writer->contains(shard, entry(1), number(holding, 6)));
  CHECK_FALSE(*node.writer->contains(shard, entry(1), number(holding, 7)));
}

CONFORMANCE("a body is what the job was submitted with, as changed by the latest replacement") {
  TestNode node{*backend.store};
  const auto holding = node.acquire(shard);
  auto first = opening(holding, 1, "artifact:7", "key");
  auto second = opening(holding, 2, "artifact:8");
  const auto replaced = [](model::Fingerprint fingerprint, std::string payload) {
    return model::Replaced{.fingerprint = fingerprint,
                           .options = all_options(),
                           .expires_at = noon,
                           .metadata = "{}",
                           .payload = std::move(payload)};
  };
  REQUIRE(node.append({holding}, {first, second, row(holding, 1, 3, replaced(8, "[1]")), row(holding, 1, 4, replaced(9, "[2]")),
                                  row(holding, 1, 5, started("worker"))})
              .status == AppendStatus::committed);

  const EntryNumber missing{number(holding, 9).value()};
  const std::vector<std::pair<ShardId, EntryNumber>> wanted{
      {shard, first.record.entry}, {shard, missing}, {shard, second.record.entry}, {ShardId{5}, first.record.entry}};
  const auto bodies = node.reader->bodies(wanted);
  REQUIRE(bodies.ok());
  REQUIRE(bodies->size() == 2);
  auto expected = std::get<model::Submitted>(first.record.body);
  expected.fingerprint = 9;
  expected.options = all_options();
  expected.expires_at = noon;
  expected.metadata = "{}";
  expected.payload = "[2]";
  CHECK(std::ranges::find(*bodies, first.record.entry, &Body::entry)->job == expected);
  CHECK(std::ranges::find(*bodies, second.record.entry, &Body::entry)->job == std::get<model::Submitted>(second.record.body));
}

CONFORMANCE("an entry that does not exist has no history") {
  TestNode node{*backend.store};
  const auto holding = node.acquire(shard);
  CHECK(tests::history_of(*node.reader, shard, EntryNumber{5})->empty());
  REQUIRE(node.append({holding}, {opening(holding, 1)}).status == AppendStatus::committed);
  CHECK(tests::history_of(*node.reader, shard, EntryNumber{5})->empty());
}

CONFORMANCE("a batch with a row that cannot be kept leaves nothing") {
  TestNode node{*backend.store};
  const auto holding = node.acquire(shard);
  auto bad = opening(holding, 2);
  auto& job = std::get<model::Submitted>(bad.record.body);

  job.payload = std::string{"a\0b", 3};
  CHECK(node.append({holding}, {opening(holding, 1), bad}).status == AppendStatus::refused);
  job.payload = "\xff\xfe";
  CHECK(node.append({holding}, {opening(holding, 1), bad}).status == AppendStatus::refused);
  job.payload = "{}";
  job.metadata = "\xed\xa0\x80"; // a lone surrogate
  CHECK(node.append({holding}, {opening(holding, 1), bad}).status == AppendStatus::refused);
  job.metadata = {};
  CHECK(replayed(*node.reader, shard).empty());

  const auto foreign = opening({ShardId{4}, holding.epoch}, 3);
  CHECK(node.append({holding}, {opening(holding, 1), foreign}).status == AppendStatus::refused);
  CHECK(replayed(*node.reader, shard).empty());

  REQUIRE(node.append({holding}, {opening(holding, 1), bad}).status == AppendStatus::committed);
  CHECK(node.append({holding}, {opening(holding, 3), bad}).status == AppendStatus::refused); // a number that was given before
  CHECK(replayed(*node.reader, shard).size() == 2);
}

CONFORMANCE("a key is found for its subject and kind within the window, the latest use first") {
  TestNode node{*backend.store};
  const auto holding = node.acquire(shard);
  auto old = opening(holding, 1, "a:1", "k");
  old.record.at = noon - std::chrono::hours{24};
  const auto first = opening(holding, 2, "a:1", "k");
  const auto latest = opening(holding, 4, "a:1", "k");
  REQUIRE(node.append({holding}, {old, first, opening(holding, 3, "a:2", "k")}).status == AppendStatus::committed);
  REQUIRE(node.ownership->extend_journal({}).ok());
  REQUIRE(node.append({holding}, {latest, opening(holding, 5, "a:1")}).status == AppendStatus::committed);

  const std::string kind = "expire_build_artifacts";
  const std::vector<KeyQuery> queries{{"a:1", kind, "k"}, {"a:1", "other", "k"}, {"a:1", kind, "other"},
                                      {"a:2", kind, "k"}, {"a:3", kind, "k"},    {"a:1", kind, ""}};
  const auto matches = node.reader->find_keys(shard, queries, noon - std::chrono::hours{1});
  REQUIRE(matches.ok());
  REQUIRE(matches->size() == queries.size());
  CHECK((*matches)[0].found);
  CHECK((*matches)[0].entry == latest.record.entry);
  CHECK((*matches)[0].fingerprint == std::get<model::Submitted>(latest.record.body).fingerprint);
  CHECK_FALSE((*matches)[1].found);
  CHECK_FALSE((*matches)[2].found);
  CHECK((*matches)[3].found);
  CHECK_FALSE((*matches)[4].found);
  CHECK_FALSE((*matches)[5].found);

  const std::vector<KeyQuery> one{{"a:1", kind, "k"}};
  CHECK_FALSE(node.reader->find_keys(ShardId{4}, one, noon)->front().found);
  CHECK_FALSE(node.reader->find_keys(shard, one, noon + std::chrono::microseconds{1})->front().found);
  CHECK(node.reader->find_keys(shard, one, noon)->front().found);
}

CONFORMANCE("the journal takes a large batch and large texts") {
  TestNode node{*backend.store};
  const auto holding = node.acquire(shard);
  std::vector<Row> rows;
  for (std::uint64_t n = 0; n < 2'000; ++n) {
    rows.push_back(opening(holding, n, "a:" + std::to_string(n)));
  }
  std::get<model::Submitted>(rows.back().record.body).payload = '"' + std::string(256 * 1024 - 2, 'x') + '"';
  REQUIRE(node.append({holding}, rows).status == AppendStatus::committed);
  CHECK(replayed(*node.reader, shard).size() == rows.size());
  const auto history = tests::history_of(*node.reader, shard, rows.back().record.entry);
  REQUIRE(history->size() == 1);
  CHECK(history->front().record == rows.back().record);
}

} // namespace
} // namespace turnwise::storage
