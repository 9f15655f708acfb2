// How a schedule is drawn and checked.
#include "tests/model/schedule.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <sstream>

#include "tests/model/oracle.hpp"

namespace turnwise::model {

namespace {

using namespace std::chrono_literals;

constexpr std::array<const char*, 3> kind_names{"build", "test", "move"};

/// The journal in the order in which a new owner reads it.
std::vector<Numbered> by_entry(std::vector<Numbered> journal) {
  std::stable_sort(journal.begin(), journal.end(), [](const Numbered& left, const Numbered& right) {
    return std::pair{left.record.entry, left.sequence} < std::pair{right.record.entry, right.sequence};
  });
  return journal;
}

Mailbox rebuilt(const std::vector<Numbered>& journal, Now now, KindTable& kinds) {
  Mailbox mailbox;
  for (const auto& [sequence, record] : by_entry(journal)) {
    mailbox.apply(record, sequence, kinds);
  }
  mailbox.adopt(now);
  return mailbox;
}

std::string joined(const Words& lines) {
  std::string all;
  for (const std::string& line : lines) {
    all += "\n    " + line;
  }
  return all.empty() ? "\n    (nothing)" : all;
}

class Schedule {
public:
  explicit Schedule(std::uint64_t seed) : random_(seed) {
    for (const char* kind : kind_names) {
      kinds_.intern(kind);
    }
  }

  std::optional<std::string> run(std::size_t steps) {
    for (std::size_t step = 0; step < steps && !fault_; ++step) {
      this->step();
    }
    if (!fault_) {
      replay_every_cut();
    }
    if (!fault_) {
      fault_ = check_journal(journal_);
    }
    return fault_;
  }

  [[nodiscard]] const std::vector<Numbered>& journal() const { return journal_; }

  void count(Counts& seen) const {
    for (const auto& [line, times] : lines_) {
      seen[line] += times;
    }
    count_rarities(journal_, seen);
  }

private:
  // ── Chance ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool one_in(std::uint64_t chances) { return below(chances) == 0; }
  milliseconds up_to(milliseconds longest) { return milliseconds{below(static_cast<std::uint64_t>(longest.count()) + 1)}; }
  KindId some_kind() { return KindId{static_cast<std::uint32_t>(below(kind_names.size()))}; }

  Nonce some_nonce() {
    Nonce nonce;
    for (auto& byte : nonce.bits) {
      byte = static_cast<std::uint8_t>(random_());
    }
    return nonce;
  }

  Policy some_policy() {
    Policy policy;
    policy.max_attempts = static_cast<std::uint32_t>(1 + below(4));
    policy.backoff = {.initial = up_to(2s), .factor = 2, .max = 5s, .jitter = one_in(2) ? Jitter::full : Jitter::none};
    policy.on_failure = static_cast<OnFailure>(below(3));
    policy.lease = 3s + up_to(5s);
    policy.timeout = one_in(3) ? 1ms + up_to(9s) : 0ms;
    return policy;
  }

  /// Mostly an attempt that was granted lately; else an old one, or one that never was.
  Claim some_claim() {
    if (grants_.empty()) {
      return {EntryNumber{1 + below(last_number_)}, Attempt{1}, some_nonce()};
    }
    const std::uint64_t age = one_in(3) ? below(grants_.size()) : std::min(below(3), grants_.size() - 1);
    Claim claim = grants_[grants_.size() - 1 - age];
    if (one_in(12)) {
      claim.nonce = some_nonce();
    }
    if (one_in(12)) {
      claim.attempt = Attempt{claim.attempt.value() + 2 - static_cast<std::uint32_t>(below(4))};
    }
    return claim;
  }

  /// Mostly one that exists.
  EntryNumber some_entry() {
    if (journal_.empty() || one_in(20)) {
      return EntryNumber{1 + below(last_number_)};
    }
    return journal_[below(journal_.size())].record.entry;
  }

  NewJob some_job() {
    NewJob job;
    job.subject = "artifact:123";
    job.kind = kinds_.name(some_kind());
    job.coalesce = one_in(3) ? static_cast<Coalesce>(below(4)) : Coalesce::never;
    if (one_in(3)) {
      job.key = "key-" + std::to_string(below(1'000));
    }
    if (one_in(5)) {
      job.run_at = now_.wall - 1s + up_to(10s);
    }
    if (one_in(8)) {
      job.delay = up_to(6s);
    }
    if (one_in(4)) {
      job.expires_at = now_.wall - 200ms + up_to(15s);
    }
    return job;
  }

  Command some_command() {
    switch (below(26)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return Submit{EntryNumber{++last_number_}, some_job(), {}};
    case 4:
    case 5:
    case 6:
      return Start{some_kind(), "worker", some_nonce(), some_policy(), {}};
    case 7:
    case 8:
      return start_of_head();
    case 9:
    case 10:
      return Complete{some_claim(), "{}", {}};
    case 11:
    case 12:
    case 13:
      return Fail{some_claim(),
                  "no luck",
                  one_in(4) ? Retry::never : Retry::by_policy,
                  one_in(4) ? std::optional{up_to(4s)} : std::nullopt,
                  {}};
    case 14:
      return Release{some_claim(), {}, one_in(2) ? std::optional{up_to(4s)} : std::nullopt};
    case 15:
      return Heartbeat{some_claim(), {}};
    case 16:
      return Cancel{some_entry(), {}};
    case 17:
      return RetryNow{some_entry(), {}};
    case 18:
    case 19:
      return some_hold();
    case 20:
      return RenewHold{some_hold_number(), one_in(2) ? std::optional{1s + up_to(5s)} : std::nullopt, {}};
    case 21:
    case 22:
      return ReleaseHold{some_hold_number(), {}};
    case 23:
      return one_in(3) ? Command{Pause{EntryNumber{++last_number_}, "artifact:123", "operator", "looking", {}}}
                       : Command{Resume{"operator", {}}};
    default:
      return Tick{};
    }
  }

  Command some_hold() {
    TakeHold hold;
    hold.entry = EntryNumber{++last_number_};
    hold.subject = "artifact:123";
    hold.owner = "web";
    hold.ttl = 1s + up_to(5s);
    hold.on_busy = static_cast<OnBusy>(below(3));
    hold.wait = up_to(4s);
    hold.arrived = now_.mono - up_to(500ms);
    if (hold.on_busy == OnBusy::defer) {
      hold.deferred = some_job();
    }
    return hold;
  }

  EntryNumber some_hold_number() { return holds_.empty() || one_in(8) ? some_entry() : holds_.back(); }

  Command start_of_head() {
    const Head head = mailbox_.head(now_);
    return Start{head.status == Head::Status::empty ? some_kind() : head.kind, "worker", some_nonce(), some_policy(), {}};
  }

  // ── Steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  void step() {
    pass_some_time();
    if (one_in(25)) {
      take_over();
    }
    if (!fault_) {
      tell(some_command());
    }
    if (!fault_ && one_in(4)) {
      tell(Tick{}, After::tick);
    }
  }

  void pass_some_time() {
    microseconds time{0};
    if (const auto timer = mailbox_.next_timer(now_); timer && one_in(4)) {
      time = std::clamp<microseconds>(*timer - now_.mono, 0us, 20s); // to the very moment
    } else if (one_in(2)) {
      time = up_to(one_in(10) ? 12s : 1s);
    }
    now_.wall += time;
    now_.mono += time;
  }

  /// Another node, with another monotonic clock, reads the journal.
  void take_over() {
    now_.mono = MonoTime{microseconds{below(1'000'000'000'000)}};
    Mailbox next = rebuilt(journal_, now_, kinds_);
    if (!next.same_jobs_as(mailbox_)) {
      return fail("a takeover", "the same jobs", "others");
    }
    mailbox_ = std::move(next);
    oracle_.take_over(now_);
    ++lines_["takeover"];
    look("a takeover");
  }

  enum class After : std::uint8_t { any, tick };

  void tell(const Command& command, After after = After::any) {
    const std::uint64_t chance = random_();
    const Words expected = oracle_.expect(command, now_, chance);
    std::vector<Action> actions;
    mailbox_.handle(command, Context{ShardId{1}, now_, kinds_, chance}, actions);
    for (const Action& action : actions) {
      keep(action);
    }
    const Words found = in_words(actions);
    const std::string what = "command " + std::to_string(command.index());
    history_.push_back(what + ":" + joined(found));
    for (const std::string& line : found) {
      ++lines_[line.substr(0, line.find(" #"))];
    }
    if (found != expected) {
      return fail(what, joined(expected), joined(found));
    }
    if (after == After::tick) {
      if (const auto timer = mailbox_.next_timer(now_); timer && *timer <= now_.mono) {
        return fail(what, "a tick that leaves nothing to do", "a timer that has run out");
      }
    }
    look(what);
  }

  void keep(const Action& action) {
    if (const auto* append = std::get_if<Append>(&action)) {
      journal_.push_back({Sequence{++last_number_}, append->record});
    }
    if (const auto* reply = std::get_if<Reply>(&action)) {
      if (const auto* grant = std::get_if<Grant>(&reply->response)) {
        grants_.push_back({grant->entry, grant->attempt, grant->nonce});
      } else if (const auto* hold = std::get_if<HoldGrant>(&reply->response)) {
        holds_.push_back(hold->entry);
      }
    }
  }

  // ── Checks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  void fail(const std::string& what, const std::string& expected, const std::string& found) {
    std::ostringstream text;
    for (std::size_t step = history_.size() > 12 ? history_.size() - 12 : 0; step < history_.size(); ++step) {
      text << history_[step] << "\n";
    }
    text << "after " << what << "\n  expected: " << expected << "\n  found: " << found;
    fault_ = text.str();
  }

  void look(const std::string& what) {
    if (const std::string head = head_in_words(mailbox_, now_, kinds_); head != oracle_.head(now_)) {
      return fail(what, oracle_.head(now_), head);
    }
    if (const Words jobs = jobs_in_words(mailbox_, now_, kinds_); jobs != oracle_.jobs()) {
      return fail(what, joined(oracle_.jobs()), joined(jobs));
    }
    if (mailbox_.open_count() != oracle_.open_count()) {
      return fail(what, std::to_string(oracle_.open_count()) + " open entries", std::to_string(mailbox_.open_count()));
    }
    const auto moment = oracle_.next_moment(now_);
    const auto timer = mailbox_.next_timer(now_);
    if (moment && (!timer || *timer > *moment)) {
      fail(what, "a timer for what comes next", "one too late, or none");
    }
  }

  /// Wherever the journal ends, what is read from it is what was there.
  void replay_every_cut() {
    Mailbox live;
    for (std::size_t cut = 0; cut <= journal_.size(); ++cut) {
      const std::vector<Numbered> prefix(journal_.begin(), journal_.begin() + static_cast<std::ptrdiff_t>(cut));
      if (!rebuilt(prefix, now_, kinds_).same_jobs_as(live)) {
        return fail("replay of " + std::to_string(cut) + " records", "the same jobs", "others");
      }
      if (cut % 3 == 0) {
        replay_carried(live, cut);
      }
      if (cut < journal_.size()) {
        live.apply(journal_[cut].record, journal_[cut].sequence, kinds_);
      }
    }
    if (!live.same_jobs_as(mailbox_)) {
      fail("replay of everything", "the same jobs", "others");
    }
  }

  /// What is open at this point is carried: that, and what came later, is everything. So is all of it with the later half of
  /// what was before, as it is when a segment ends in the middle of an entry's life.
  void replay_carried(const Mailbox& live, std::size_t cut) {
    std::vector<Numbered> rows(journal_.begin() + static_cast<std::ptrdiff_t>(cut), journal_.end());
    const Sequence here{cut == 0 ? 0 : journal_[cut - 1].sequence.value()}; // equal numbers keep their order
    std::vector<Numbered> carried;
    for (const EntryNumber number : live.open_entries({}, EntryNumber{~std::uint64_t{0}}, journal_.size() + 1)) {
      carried.push_back({here, {number, now_.wall, *live.carried(number, kinds_)}});
    }
    rows.insert(rows.begin(), carried.begin(), carried.end());
    if (!rebuilt(rows, now_, kinds_).same_jobs_as(mailbox_)) {
      return fail("carrying after " + std::to_string(cut) + " records", "the same jobs", "others");
    }
    const auto before = journal_.begin() + static_cast<std::ptrdiff_t>(cut);
    rows.insert(rows.begin(), before - static_cast<std::ptrdiff_t>(cut / 2), before);
    if (!rebuilt(rows, now_, kinds_).same_jobs_as(mailbox_)) {
      fail("carrying after " + std::to_string(cut) + " records, with the later half of them", "the same jobs", "others");
    }
  }

  std::mt19937_64 random_;
  KindTable kinds_;
  Now now_{WallTime{1'800'000'000s}, MonoTime{5'000s}};
  std::uint64_t last_number_ = first_number(Epoch{1});
  Mailbox mailbox_;
  Oracle oracle_{kinds_};
  std::vector<Numbered> journal_;
  std::vector<Claim> grants_;
  std::vector<EntryNumber> holds_;
  Words history_;
  Counts lines_;
  std::optional<std::string> fault_;
};

} // namespace

std::optional<std::string> check_schedule(std::uint64_t seed, std::size_t steps, Counts* seen) {
  Schedule schedule{seed};
  auto violation = schedule.run(steps);
  if (seen != nullptr) {
    schedule.count(*seen);
  }
  return violation;
}

std::vector<Numbered> recorded_history(std::uint64_t seed, std::size_t steps) {
  Schedule schedule{seed};
  schedule.run(steps);
  return schedule.journal();
}

} // namespace turnwise::model
