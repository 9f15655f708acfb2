// Every actor of Turnwise and everything that can be said to it: read this header and you know who talks to whom.
//
//   Engine ──▶ shard ──▶ subject        a command for a subject; the subject answers with what it decided
//                 │  ◀──
//                 ├──▶ lane (thread)     records to be made durable; the lane says what was committed
//                 ├──▶ reader (thread)   what only the journal knows: bodies, keys, stories, a whole shard
//                 └──▶ dispatcher        "n subjects here could start a job of this kind"; the dispatcher takes some
//
// Messages stay inside the process, so they are plain structs that CAF may not serialize. All are sent without waiting for an
// answer; whoever owes one names the message that carries it.
#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/engine.hpp"
#include "model/mailbox.hpp"
#include "storage/journal.hpp"
#include "storage/outside.hpp"

namespace turnwise::actors {

/// Which load of a shard a message belongs to: what an earlier one still has under way is ignored.
using Generation = std::uint64_t;

struct Slot;
class Poll;

// ── To a subject ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Decide about these, in order. Answered by Decided.
struct Decide {
  std::vector<model::Command> commands;
};
/// Give the mailbox back and end. Answered by Rested.
struct Rest {};

using subject_actor = caf::typed_actor<caf::result<void>(Decide), caf::result<void>(Rest)>;

// ── To a shard ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Jobs for subjects of this shard, in order. Each ticket gets Accepted or Error.
struct SubmitJobs {
  struct Item {
    model::NewJob job;
    model::Ticket ticket;
  };
  std::vector<Item> items;
};
/// A command for a subject, which may have nothing in hand: a hold or a pause. The shard numbers its entry.
struct SubjectCommand {
  std::string subject;
  model::Command command;
};
/// A command about an entry whose subject the sender does not know.
struct EntryCommand {
  model::EntryNumber entry;
  model::Command command;
  std::optional<model::FencingToken> token; ///< of a hold: the turn that it must still have
};
/// Commands of workers and clients about entries: answers, heartbeats, cancel, retry.
struct EntryCommands {
  std::vector<EntryCommand> items;
};
/// The whole story of a subject's mailbox. The ticket gets SubjectView.
struct DescribeSubject {
  std::string subject;
  std::size_t jobs_max{};
  model::Ticket ticket;
};
/// The story of a job, now or when it is final, at the latest after `wait`. The ticket gets JobStory or Error.
struct DescribeJob {
  model::EntryNumber entry;
  milliseconds wait{};
  model::Ticket ticket;
};
/// Some of the open entries of the shard, from a place on: a part of a list. The ticket gets ListPage, with `next` while there
/// may be more in the shard, or Error when the shard does not serve.
struct ListOpen {
  model::ListFilter filter;
  model::ListPlace from;
  model::ListBounds bounds;
  model::Ticket ticket;
};
/// From the dispatcher: start up to `count` jobs of `kind` for this poll. Each becomes one answer at the poll: Grant or
/// NothingToStart. With it the shard has as many permits of the kind, see live_kinds.hpp.
struct Take {
  model::KindId kind;
  std::uint32_t count{};
  std::shared_ptr<Poll> poll;
};
/// From a subject: what it decided, and how its mailbox stands now.
struct Decided {
  Generation generation{};
  Slot* slot{};
  std::uint32_t commands{}; ///< how many this answers
  std::vector<model::Action> actions;
  model::Head head;
  std::optional<model::MonoTime> timer;
  std::uint64_t open{};
};
/// From a subject that was asked to rest; it has ended.
struct Rested {
  Generation generation{};
  Slot* slot{};
  std::shared_ptr<model::Mailbox> mailbox;
};
/// From the lane: the next `count` records of this shard are durable, numbered from `first` without a gap.
struct Committed {
  Generation generation{};
  std::uint64_t count{};
  model::Sequence first;
};
/// From the lane: PostgreSQL refused the record that came next; it and all that followed it were dropped.
struct Refused {
  Generation generation{};
  std::string reason;
};
/// From the lane: the shard is not ours any more; nothing more of it will be written.
struct Lost {
  Generation generation{};
};
/// From the keeper: the shard is ours from now on, at this epoch.
struct Acquired {
  model::Epoch epoch;
};

/// What a reader found out; see shard_loader.hpp.
struct LoadedShard;
/// From a reader: the shard's mailboxes, or why they could not be read.
struct Loaded {
  Generation generation{};
  std::shared_ptr<LoadedShard> shard; ///< null after an error
  std::string error;
};
/// From a reader: bodies of jobs that are to start, and of some that will soon.
struct BodiesRead {
  Generation generation{};
  std::vector<storage::Body> bodies;
  std::vector<model::EntryNumber> asked; ///< by a start that waits
  std::vector<model::EntryNumber> ahead; ///< heads of subjects that are ready, for the cache
  std::string error;
};
/// A slot that waits until the journal has said whether it knows a key.
struct KeyLookup {
  std::string spelled; ///< as the shard remembers keys
  storage::KeyQuery query;
  Slot* slot{};
};
/// From a reader: which of these idempotency keys the journal knows; a match per lookup, unless there was an error.
struct KeysRead {
  Generation generation{};
  std::shared_ptr<std::vector<KeyLookup>> lookups;
  std::vector<storage::KeyMatch> matches;
  std::string error;
  /// With an error: whether the question is to be asked again instead of answered.
  enum class Attempt : std::uint8_t { over, again } attempt{};
};
/// From a reader: the history of an entry, for the question that it was read for.
struct StoryRead {
  Generation generation{};
  std::uint64_t question{};
  std::shared_ptr<model::StoryBuilder> story; ///< null after an error
  std::string error;
};
/// From the keeper: replay is to begin with `segment` from now on. What is open and was opened before is to be carried.
struct CarryOpen {
  std::uint64_t segment{};
  std::uint64_t newest{};   ///< the segment that is written to, or a later one
  model::EntryNumber until; ///< entries from here on were opened in `segment` or later; zero: so are those without a number yet
};
/// From a reader: the bodies of entries that are about to be carried.
struct CarryBodies {
  Generation generation{};
  std::vector<storage::Body> bodies;
  std::string error;
};
/// To itself: time for the next portion of what is to be carried.
struct CarryNext {
  Generation generation{};
};
/// From the intake: what users' transactions have left. Answered by Intake::resume().
struct OutsideRows {
  Generation generation{};
  std::uint64_t round{};                 ///< of the standing that it was read for
  std::vector<storage::OutsideRow> rows; ///< of this shard, ascending
  model::OutsideId closed_to;            ///< a gap up to here that `rows` do not fill stays one
  /// Whether the cursor is to be written.
  enum class Cursor : std::uint8_t { when_many, now } cursor{};
};
/// To itself: what became of a row that was taken over.
struct OutsideSettled {
  Generation generation{};
  model::OutsideId id;
  model::Response response;
};
/// From the intake: whether the turn of this entry may be ended by force. Locked: until Intake::unlock().
struct TurnJudged {
  Generation generation{};
  model::EntryNumber entry;
  storage::TurnVerdict verdict;
};
/// To itself: time to ask the intake again.
struct JudgeAgain {
  Generation generation{};
  model::EntryNumber entry;
};
/// To itself: the timer that was set for `at` has come. One that was set for another moment since is ignored.
struct WakeUp {
  model::MonoTime at;
};
/// The node is about to stop: accept nothing more, and let go of the shard as soon as all that was accepted is durable.
struct Settle {};
/// End: forget all subjects and quit. Nobody waits for what is not durable yet.
struct Close {};

using shard_actor =
    caf::typed_actor<caf::result<void>(SubmitJobs), caf::result<void>(SubjectCommand), caf::result<void>(EntryCommands),
                     caf::result<void>(DescribeSubject), caf::result<void>(DescribeJob), caf::result<void>(ListOpen),
                     caf::result<void>(Take), caf::result<void>(Decided), caf::result<void>(Rested),
                     caf::result<void>(Committed), caf::result<void>(Refused), caf::result<void>(Lost),
                     caf::result<void>(Acquired), caf::result<void>(Loaded), caf::result<void>(BodiesRead),
                     caf::result<void>(KeysRead), caf::result<void>(StoryRead), caf::result<void>(CarryOpen),
                     caf::result<void>(CarryBodies), caf::result<void>(CarryNext), caf::result<void>(OutsideRows),
                     caf::result<void>(OutsideSettled), caf::result<void>(TurnJudged), caf::result<void>(JudgeAgain),
                     caf::result<void>(WakeUp), caf::result<void>(Settle), caf::result<void>(Close)>;

// ── To the dispatcher ────────────────────────────────────────────────────────────────────────────────────────────────────

/// From a shard: `count` more subjects could start a job of `kind`. A promise that may be broken: a Take may come up short.
struct Offer {
  model::ShardId shard;
  model::KindId kind;
  std::uint32_t count{};
};
/// From a shard that was lost or reloads: nothing that it offered holds any more.
struct WithdrawAll {
  model::ShardId shard;
};
/// A worker wants jobs. Answered at its recipient.
struct Seek {
  std::shared_ptr<Poll> poll;
};
/// From a poll: everything it was promised has arrived.
struct Settled {
  std::shared_ptr<Poll> poll;
};
/// Jobs may start that could not before: of this kind, which was full, or of any.
struct KindsOpened {
  std::optional<model::KindId> kind;
};
/// Hand out nothing more; answer all who wait.
struct StopDispatch {};

using dispatcher_actor = caf::typed_actor<caf::result<void>(Offer), caf::result<void>(WithdrawAll), caf::result<void>(Seek),
                                          caf::result<void>(Settled), caf::result<void>(WakeUp), caf::result<void>(KindsOpened),
                                          caf::result<void>(StopDispatch), caf::result<void>(Close)>;

} // namespace turnwise::actors

#define TURNWISE_LOCAL_MESSAGE(name) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(turnwise::actors::name)
TURNWISE_LOCAL_MESSAGE(Decide)
TURNWISE_LOCAL_MESSAGE(Rest)
TURNWISE_LOCAL_MESSAGE(SubmitJobs)
TURNWISE_LOCAL_MESSAGE(SubjectCommand)
TURNWISE_LOCAL_MESSAGE(EntryCommands)
TURNWISE_LOCAL_MESSAGE(DescribeSubject)
TURNWISE_LOCAL_MESSAGE(DescribeJob)
TURNWISE_LOCAL_MESSAGE(ListOpen)
TURNWISE_LOCAL_MESSAGE(Take)
TURNWISE_LOCAL_MESSAGE(Decided)
TURNWISE_LOCAL_MESSAGE(Rested)
TURNWISE_LOCAL_MESSAGE(Committed)
TURNWISE_LOCAL_MESSAGE(Refused)
TURNWISE_LOCAL_MESSAGE(Lost)
TURNWISE_LOCAL_MESSAGE(Acquired)
TURNWISE_LOCAL_MESSAGE(Loaded)
TURNWISE_LOCAL_MESSAGE(BodiesRead)
TURNWISE_LOCAL_MESSAGE(KeysRead)
TURNWISE_LOCAL_MESSAGE(StoryRead)
TURNWISE_LOCAL_MESSAGE(CarryOpen)
TURNWISE_LOCAL_MESSAGE(CarryBodies)
TURNWISE_LOCAL_MESSAGE(CarryNext)
TURNWISE_LOCAL_MESSAGE(OutsideRows)
TURNWISE_LOCAL_MESSAGE(OutsideSettled)
TURNWISE_LOCAL_MESSAGE(TurnJudged)
TURNWISE_LOCAL_MESSAGE(JudgeAgain)
TURNWISE_LOCAL_MESSAGE(WakeUp)
TURNWISE_LOCAL_MESSAGE(Settle)
TURNWISE_LOCAL_MESSAGE(Close)
TURNWISE_LOCAL_MESSAGE(Offer)
TURNWISE_LOCAL_MESSAGE(WithdrawAll)
TURNWISE_LOCAL_MESSAGE(Seek)
TURNWISE_LOCAL_MESSAGE(Settled)
TURNWISE_LOCAL_MESSAGE(KindsOpened)
TURNWISE_LOCAL_MESSAGE(StopDispatch)
#undef TURNWISE_LOCAL_MESSAGE

CAF_BEGIN_TYPE_ID_BLOCK(turnwise, first_custom_type_id)
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Decide))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Rest))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::SubmitJobs))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::SubjectCommand))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::EntryCommands))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::DescribeSubject))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::DescribeJob))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::ListOpen))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Take))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Decided))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Rested))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Committed))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Refused))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Lost))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Acquired))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Loaded))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::BodiesRead))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::KeysRead))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::StoryRead))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::CarryOpen))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::CarryBodies))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::CarryNext))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::OutsideRows))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::OutsideSettled))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::TurnJudged))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::JudgeAgain))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::WakeUp))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Settle))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Close))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Offer))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::WithdrawAll))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Seek))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::Settled))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::KindsOpened))
CAF_ADD_TYPE_ID(turnwise, (turnwise::actors::StopDispatch))
CAF_END_TYPE_ID_BLOCK(turnwise)
