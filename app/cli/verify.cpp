// turnwise verify: reads the journal and says what must not be in it.
#include <iostream>

#include <fmt/format.h>

#include "app/cli/client_calls.hpp"
#include "app/cli/parse.hpp"
#include "app/config/option_set.hpp"
#include "app/json/writer.hpp"
#include "app/node/run.hpp"
#include "model/job_id.hpp"
#include "storage/journal_audit.hpp"

namespace turnwise::cli {
namespace {

enum VerifyExit : int { exit_clean = 0, exit_findings = 1, exit_unread = 2 };

/// Of which the sentences are told; more are counted.
constexpr std::size_t findings_max = 1'000;

std::string id_of(const model::Finding& finding) {
  return finding.entry == model::EntryNumber{} ? "" : model::to_string(model::JobId{finding.shard, finding.entry});
}

std::string in_json(const storage::Verification& done) {
  json::Writer out;
  out.begin_object().member("shards", done.shards).member("segments", done.segments);
  out.member("rows", done.tally.rows).member("entries", done.tally.entries).member("open", done.tally.open);
  out.member("findings_count", done.findings_count).key("findings").begin_array();
  for (const auto& finding : done.findings) {
    out.begin_object().member("what", name(finding.what)).member("shard", finding.shard.value());
    out.member("subject", finding.subject).member("entry", id_of(finding));
    out.key("sequences").begin_array();
    for (const auto sequence : finding.sequences) {
      out.string(std::to_string(sequence.value()));
    }
    out.end_array().member("sentence", finding.sentence).end_object();
  }
  out.end_array().end_object();
  return std::move(out).take();
}

void print(const storage::Verification& done) {
  print_table({{"SHARDS", "SEGMENTS", "ROWS", "ENTRIES", "OPEN", "FINDINGS"},
               {std::to_string(done.shards), std::to_string(done.segments), std::to_string(done.tally.rows),
                std::to_string(done.tally.entries), std::to_string(done.tally.open), std::to_string(done.findings_count)}});
  if (done.findings.empty()) {
    return;
  }
  std::vector<std::vector<std::string>> rows{{"WHAT", "SHARD", "SUBJECT", "ENTRY", "ROWS", "SENTENCE"}};
  for (const auto& finding : done.findings) {
    std::string sequences;
    for (const auto sequence : finding.sequences) {
      sequences += (sequences.empty() ? "" : " ") + std::to_string(sequence.value());
    }
    rows.push_back({std::string{name(finding.what)}, std::to_string(finding.shard.value()),
                    finding.subject.empty() ? "-" : finding.subject, finding.entry.value() == 0 ? "-" : id_of(finding),
                    sequences, (finding.entry.value() == 0 ? "the shard " : "the entry ") + finding.sentence});
  }
  std::cout << '\n';
  print_table(rows);
  if (done.findings_count > done.findings.size()) {
    std::cout << fmt::format("and {} more\n", done.findings_count - done.findings.size());
  }
}

} // namespace

int verify(const Arguments& arguments) {
  CLI::App app;
  config::OptionSet set(app);
  std::string database = "postgresql:///turnwise";
  bool json = false;
  set.secret("database", database, "PostgreSQL, as a libpq connection string or URI; the role of a node may read enough");
  app.add_flag("--json", json, "Print the result as JSON, for scripts");
  describe(app, "verify",
           "Reads the whole journal and reports what must not be in it: turns that overlap or leave the order, second "
           "outcomes,\nattempts, tokens and epochs that go back, rows that are missing. Works beside running nodes.",
           "Exit status: 0 clean, 1 there are findings, 2 the journal could not be read, or a wrong command line.");
  if (const auto status = parse(app, arguments)) {
    return *status;
  }
  const auto audit = storage::open_audit({.connection = database});
  const auto done = storage::verify(*audit, findings_max);
  if (!done) {
    std::cerr << "turnwise: " << done.error().detail << '\n';
    return exit_unread;
  }
  if (json) {
    std::cout << in_json(*done) << '\n';
  } else {
    print(*done);
  }
  return done->findings_count == 0 ? exit_clean : exit_findings;
}

} // namespace turnwise::cli
