// The actor of one shard: registry of its subjects, gatekeeper of its journal.
//
//   unowned ──Acquired──▶ loading ──Loaded──▶ serving ──Lost──▶ unowned
//                            ▲                   │ Refused
//                            └───────────────────┘
//   Any of them ──Settle──▶ settling ──what was accepted is durable──▶ closed
//
// A shard holds a slot per subject with open jobs. Commands go to the slot's subject actor, spawned when it is needed; what it
// decides comes back as actions. Records go to the lane; everything that outside would notice waits in `effects_` until the
// records before it are durable. Each load has a generation; messages of an earlier one find nothing here any more.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "actors/intake.hpp"
#include "actors/interfaces.hpp"
#include "actors/node_context.hpp"
#include "actors/poll.hpp"
#include "actors/shard_loader.hpp"

namespace turnwise::actors {

/// The answer where nobody waits for one any more.
void deliver(const model::Ticket& ticket, model::Response response);

/// Answers all holds that wait for their turn in this mailbox.
void fail_waiting(model::Mailbox& mailbox, const model::Error& error);

/// Rounds of ListOpen from this one on mark the end of what a turn was locked for; the rest is its entry.
inline constexpr std::uint64_t ending_round = std::uint64_t{1} << 63U;

/// The body of a job, shared by the cache and whoever is to carry it to a worker.
using Job = std::shared_ptr<const model::Submitted>;

/// Something that waits until its slot may be used again.
using Held = std::variant<SubmitJobs::Item, model::Command>;

/// What the journal said about idempotency keys, as the shard spells them.
using KeyAnswers = std::unordered_map<std::string, storage::KeyMatch>;

/// A subject with open jobs, or with something in hand.
struct Slot {
  const std::string* subject{};            ///< the key it is stored under
  subject_actor actor;                     ///< null while the mailbox is packed
  std::shared_ptr<model::Mailbox> mailbox; ///< while packed
  std::vector<model::Command> outgoing;    ///< to be sent at the end of this message
  std::vector<Held> held;                  ///< while `on_hold`
  std::unique_ptr<KeyAnswers> key_answers; ///< while those that waited for them are let go
  model::Head head;
  std::optional<model::MonoTime> timer;
  std::uint64_t open{};          ///< jobs, as of the last decision
  model::FencingToken token;     ///< of the newest turn that is durable
  model::EntryNumber turn_entry; ///< whose turn that is, if it began here,
  model::Attempt turn_attempt;   ///< and which attempt
  std::uint32_t pending{};       ///< commands sent and not answered yet
  bool on_hold{};                ///< waits for its mailbox to come back, or for the journal to know a key
  bool undecided_keys{};         ///< a key's job is being decided: what the shard remembers of keys is not all
  bool asks_keys{};              ///< with that: the journal is to be asked when nothing of the subject is undecided
  bool resting{};                ///< was asked to give its mailbox back
  bool starting{};               ///< its head was promised to a poll
  bool permitted{};              ///< it starts or runs a job with a permit of `turn_kind`
  Job job;                       ///< with that: the body of the head, once it is there
  std::optional<std::list<Slot*>::iterator> ready_place;
  model::KindId ready_kind;
  model::KindId turn_kind;    ///< with `permitted`
  model::MonoTime turn_since; ///< of the job that runs
};

class Shard {
public:
  static inline const char* name = "shard";

  Shard(shard_actor::pointer self, NodeContext& context, model::ShardId id) : self_(self), context_(context), id_(id) {}
  ~Shard();
  shard_actor::behavior_type make_behavior();

private:
  enum class Phase : std::uint8_t { unowned, loading, serving, settling, closed };

  // ── Life of the shard: shard.cpp ──
  void acquired(const Acquired& message);
  void load();
  void loaded(Loaded& message);
  void lost(const Lost& message);
  void refused(const Refused& message);
  void fail(const std::exception& fault);
  void forget(const model::Error& error);
  /// Handles the message now when the shard serves, later while it is loading, and not at all otherwise.
  template <class Message>
  void when_serving(Message& message, void (Shard::*handle)(Message&));
  void refuse(const SubmitJobs& message, const model::Error& error);
  void refuse(const SubjectCommand& message, const model::Error& error);
  void refuse(const EntryCommands& message, const model::Error& error);
  void refuse(const DescribeSubject& message, const model::Error& error);
  void refuse(const DescribeJob& message, const model::Error& error);
  void wake_up(model::MonoTime armed_for);
  void arm();
  void begin_settling();
  void end_settling();
  void close();
  /// Whether the shard has mailboxes, and the lane its records.
  [[nodiscard]] bool is_live() const { return phase_ == Phase::serving || phase_ == Phase::settling; }
  [[nodiscard]] bool is_ending() const { return phase_ == Phase::settling || phase_ == Phase::closed; }
  /// Ends every message: sends commands on, records to the lane, offers to the dispatcher.
  void flush();

  // ── Slots: shard_slots.cpp ──
  Slot& slot_of(const std::string& subject);
  Slot* find_slot(const std::string& subject);
  void enqueue(Slot& slot, model::Command command);
  void send_outgoing(Slot& slot);
  void decided(Decided& message);
  void summarize(Slot& slot, const Decided& message);
  void settle(Slot& slot);
  void rested(Rested& message);
  void release_hold(Slot& slot);
  static void fail_held(Slot& slot, const model::Error& error);
  void set_timer(Slot& slot, std::optional<model::MonoTime> timer);

  // ── Commands from outside: shard_commands.cpp ──
  void submit(SubmitJobs& message);
  void submit_to(Slot& slot, SubmitJobs::Item item);
  void accept(Slot& slot, SubmitJobs::Item item);
  [[nodiscard]] std::optional<model::Error> admit(const Slot& slot) const;
  [[nodiscard]] std::optional<model::Error> why_no_hold(const Slot& slot) const;
  struct Key {
    model::EntryNumber entry;
    model::Fingerprint fingerprint{};
  };
  [[nodiscard]] std::optional<Key> first_use(const Slot& slot, const std::string& spelled) const;
  bool replay_key(Slot& slot, SubmitJobs::Item& item);
  void remember_key(std::string spelled, model::EntryNumber entry, model::Fingerprint fingerprint);
  void look_up_key(Slot& slot, SubmitJobs::Item item);
  void collect_key_lookups(Slot& slot);
  void send_key_lookups();
  void look_up_keys(std::shared_ptr<std::vector<KeyLookup>> lookups);
  void keys_read(KeysRead& message);
  bool ask_again_for_outside(KeysRead& message);
  void subject_command(SubjectCommand& message);
  void entry_commands(EntryCommands& message);
  void describe_subject(DescribeSubject& message);
  void describe_job(DescribeJob& message);

  // ── Lists: shard_lists.cpp ──
  void list_open(ListOpen& message);
  [[nodiscard]] std::vector<Slot*> slots_from(const model::ListPlace& from, const std::string& only);

  // ── What only the journal knows: shard_questions.cpp ──
  struct Question {
    /// What is to be done when the entry's story has been read.
    enum class Purpose : std::uint8_t {
      find_mailbox, ///< send `command` to the job's subject, if the job is open
      judge,        ///< answer `command` from the story: the mailbox does not hold the job any more
      describe,     ///< tell the story
      end_watches,  ///< tell those who wait for the end of the job, if it has come
    } purpose{};
    model::EntryNumber entry;
    std::optional<model::Command> command;
    model::Ticket ticket;
  };
  void ask(Question question);
  static void fail_question(const Question& question, const model::Error& error);
  void read_story(std::uint64_t id);
  void story_read(StoryRead& message);
  void answer(Question& question, const model::StoryBuilder& story);
  void watch(model::EntryNumber entry, milliseconds wait, model::Ticket ticket);
  void tell_watchers(model::EntryNumber entry);
  void end_due_watches();

  // ── Turns: shard_turns.cpp ──
  void update_ready(Slot& slot);
  void unlist(Slot& slot);
  void take(const Take& message);
  void start(Slot& slot, Job job, const std::shared_ptr<Poll>& poll);
  /// What there is of a kind in this shard.
  struct Ready {
    std::list<Slot*> slots;     // could start
    std::uint32_t advertised{}; // told to the dispatcher and not taken yet
    std::uint32_t permits{};    // of jobs that start or run, or whose end is not durable yet
    std::int64_t waiting{};     // jobs in mailboxes that do not run
    std::int64_t running{};
    LiveKind* live{};
    std::uint32_t policy_version{};
    std::unique_ptr<const model::Policy> policy; // as of that version; null: as Turnwise has it
  };
  std::vector<model::EntryNumber> next_without_body(const Ready& ready);
  void fetch(std::vector<model::EntryNumber> entries, std::vector<model::EntryNumber> ahead);
  void bodies_read(BodiesRead& message);
  static void nothing_to_start(const std::shared_ptr<Poll>& poll, std::uint32_t count);
  void advertise();
  void call_off_start(Slot& slot, const std::shared_ptr<Poll>& poll);
  void cache_body(model::EntryNumber entry, Job job);
  void replace_body(Slot& slot, model::EntryNumber entry, const model::Replaced& replaced);
  void drop_body(model::EntryNumber entry);

  // ── Kinds: shard_kinds.cpp ──
  Ready& of_kind(model::KindId kind);
  static model::Policy policy_of(Ready& ready, const model::JobOptions& options);
  void adopt_running(Slot& slot, const model::Mailbox& mailbox, model::Now now);
  void permit(Slot& slot, model::KindId kind);
  void turn_changed(Slot& slot, bool is_busy);
  void end_permit(Slot& slot);
  struct PermitBack {
    model::KindId kind;
  };
  void take_back(const PermitBack& permit);
  void give_back(model::KindId kind, std::uint32_t permits);
  void tally(const model::Append& action);
  void forget_kinds();
  void end_loading();

  // ── Carrying what is open into the newest segment: shard_carry.cpp ──
  void carry_open(const CarryOpen& message);
  void carry_portion(const CarryNext& message);
  void list_portion();
  void list_packed(Carrying::Subject subject, const model::Mailbox& mailbox, std::size_t room);
  void listed(const Slot& slot, const model::Listed& listed);
  void take_listed(const std::string& subject, const std::vector<model::EntryNumber>& entries);
  void answered_portion();
  void carry_durable();
  void read_portion();
  void carry_bodies(CarryBodies& message);
  [[nodiscard]] bool complete_carried(Slot& slot, model::EntryNumber entry, model::Carried& carried);
  void end_carrying();
  void give_up_carrying(const char* why);

  // ── What users' transactions have left: shard_outside.cpp ──
  void attach_intake();
  [[nodiscard]] Intake::Standing outside_standing(Intake::Standing::Pace pace) const;
  void outside_rows(OutsideRows& message);
  [[nodiscard]] bool may_take(const storage::OutsideRow& row);
  void take_over(storage::OutsideRow& row);
  void outside_settled(OutsideSettled& message);
  void note_taken(model::OutsideId id, model::EntryNumber of, std::string why);
  void write_cursor();
  void append_own(model::EntryNumber entry, model::RecordBody body);

  // ── Turns that users' transactions may rely on: shard_endings.cpp ──
  /// What would end a turn, and waits until it may.
  struct Ending {
    std::vector<EntryCommand> commands;
    model::MonoTime since;
    bool is_overdue{}; // one of them is the tick that ends it
    bool is_told{};    // that it has to wait for long
  };
  [[nodiscard]] static bool ends_turn(const model::Command& command);
  void end_turn(EntryCommand command);
  void turn_judged(const TurnJudged& message);
  void judge_again(const JudgeAgain& message);
  void let_end(model::EntryNumber entry, storage::TurnVerdict::Is verdict);
  void pass_on(EntryCommand command);

  // ── Records and effects: shard_effects.cpp ──
  /// An answer that waits for its commit. A Grant also needs its job, to carry the payload.
  struct Answered {
    model::Ticket ticket;
    model::Response response;
    Job job;
  };
  struct Ask {
    std::uint64_t question{};
  };
  struct Finished {
    model::EntryNumber entry;
  };
  struct Fetch {
    std::vector<model::EntryNumber> entries;
    std::vector<model::EntryNumber> ahead;
  };
  struct KeyQuestions {
    std::shared_ptr<std::vector<KeyLookup>> lookups;
  };
  struct CarryStep {};
  /// For those who watch.
  struct Happened {
    Event event;
  };

  struct Unlock {
    model::EntryNumber entry;
  };
  /// Takes effect when the first `after` records of this generation are durable.
  struct Effect {
    std::uint64_t after{};
    std::variant<Answered, Ask, Finished, Fetch, KeyQuestions, CarryStep, Happened, PermitBack, Unlock> what;
  };
  void note_refusal(const Effect& effect); // shard_outside.cpp
  void carry_out(Slot& slot, model::Action& action);
  void carry_out(Slot& slot, model::Append& action);
  void carry_out(Slot& slot, model::Reply& action);
  void carry_out(Slot& slot, model::AskJournal& action);
  void carry_out(Slot& slot, model::Listed& action);
  [[nodiscard]] Happened happened(const Slot& slot, const model::Append& action) const;
  void carry_out(Slot& slot, model::WantsEnd& action);
  void note(Slot& slot, model::EntryNumber entry, const model::RecordBody& body);
  void count(const model::RecordBody& body);
  void when_durable(decltype(Effect::what) what);
  void take_effect(Effect& effect, model::Sequence last);
  void take_effect(Answered& answered, model::Sequence last);
  void fail_effect(Effect& effect, const model::Error& error);
  void committed(const Committed& message);
  /// Why a request cannot be accepted now, if so.
  [[nodiscard]] std::optional<model::Error> why_not() const;

  shard_actor::pointer self_;
  NodeContext& context_;
  const model::ShardId id_;
  Phase phase_{Phase::unowned};
  Generation generation_{};
  model::Epoch epoch_;
  std::shared_ptr<ShardCounter> counter_;
  Generation lane_generation_{}; // under which the lane knows the shard
  using Deferred = std::variant<SubmitJobs, SubjectCommand, EntryCommands, DescribeSubject, DescribeJob>;
  std::vector<Deferred> deferred_; // what came while the shard was loading

  std::unordered_map<std::string, Slot> slots_;
  std::vector<Slot*> dirty_; // with outgoing commands
  std::size_t actors_{};     // subjects that are not packed
  std::uint64_t running_{};  // open turns
  std::set<std::pair<model::MonoTime, Slot*>> timers_;
  std::optional<model::MonoTime> armed_for_;
  std::unordered_map<model::EntryNumber, Slot*> turns_; // entries with a claim that may still be answered

  std::vector<model::Record> outgoing_; // to the lane, at the end of this message
  std::uint64_t appended_{};            // records of this generation, handed to the lane or about to be
  std::uint64_t durable_{};             // of them, committed
  std::deque<Effect> effects_;

  std::unordered_map<model::KindId, Ready> ready_;
  struct Body {
    Job job;
    std::size_t bytes{};
  };
  std::unordered_map<model::EntryNumber, Body> bodies_; // of open jobs, as far as the node's cache has room
  struct Awaited {
    Slot* slot{};
    std::shared_ptr<Poll> poll;
  };
  std::unordered_map<model::EntryNumber, Awaited> fetching_; // bodies that a start waits for
  std::unordered_set<model::EntryNumber> reading_ahead_;     // those that are read beside them

  std::unordered_map<std::string, Key> keys_;
  std::deque<std::string> keys_in_order_;
  bool keys_complete_{true};
  std::vector<Slot*> askers_;          // of this message: they wait for the journal to say which keys it knows
  std::vector<KeyLookup> key_lookups_; // to be sent at the end of this message

  std::unique_ptr<Carrying> carrying_; // while something is being carried
  // What was carried stays so, whoever owns the shard: entries before the one have a row in the other segment or a later one.
  model::EntryNumber carried_until_;
  std::uint64_t carried_in_{};
  std::uint64_t carry_rounds_{};

  struct Outside {
    model::OutsideBook book;              // rows that were taken over
    std::set<model::OutsideId> undecided; // of them, those whose record has not been made yet
    std::uint32_t unwritten{};            // how many were taken since the last cursor
    std::uint64_t round{};                // raised when one is given back
  };
  Outside outside_;
  std::unordered_map<model::EntryNumber, Ending> endings_;
  std::set<model::OutsideId> refused_outside_; // rows that PostgreSQL would not store as records; kept over a reload

  std::unordered_map<std::uint64_t, Question> questions_;
  std::uint64_t next_question_{1};
  struct Watch {
    model::MonoTime until;
    model::Ticket ticket;
  };
  std::unordered_map<model::EntryNumber, std::vector<Watch>> watches_; // requests that wait for the end of a job
  std::multimap<model::MonoTime, model::EntryNumber> watch_timers_;
};

shard_actor spawn_shard(caf::actor_system& system, NodeContext& context, model::ShardId id);

} // namespace turnwise::actors
