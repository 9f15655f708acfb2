#include "examples/git-history/worker.hpp"

#include <algorithm>
#include <csignal>
#include <thread>
#include <utility>
#include <vector>

#include "app/client/client.hpp"
#include "app/client/retry.hpp"
#include "examples/git-history/digest.hpp"
#include "examples/git-history/flat_store.hpp"
#include "examples/git-history/git.hpp"

namespace turnwise::git_history {

using Clock = std::chrono::steady_clock;
using client::Answer;
using client::Grant;
using std::chrono::milliseconds;

namespace {

volatile std::sig_atomic_t stop_asked = 0;

class Worker {
public:
  Worker(const WorkerSettings& settings, client::Client client)
      : settings_(settings),
        client_(std::move(client)),
        store_(settings.store),
        blobs_(settings.repository),
        log_(open_log(settings.log)) {}

  void run() {
    while (stop_asked == 0) {
      exchange();
      work();
    }
    if (!answers_.empty()) {
      exchange(); // what is done should not be done again; if this does not arrive, it is, harmlessly
    }
  }

private:
  /// Reports what became of the last claim's jobs, and takes more.
  void exchange() {
    client::ClaimRequest request;
    request.worker = settings_.name;
    request.kinds = {job_kind};
    request.max = stop_asked == 0 ? claim_max_ : 0;
    request.wait = answers_.empty() ? milliseconds{1'000} : milliseconds{0};
    request.results = answers_;
    auto claimed = client::with_retry(Clock::now() + milliseconds{1'000}, [&] { return client_.claim(request); });
    if (!claimed) {
      return pause_after(claimed.error()); // the answers stay, and are given again
    }
    answers_.clear();
    grants_ = std::move(claimed->grants);
    if (claimed->refused) {
      pause_after(*claimed->refused);
    }
  }

  void pause_after(const model::Error& error) {
    if (!client::is_transient(error.code)) {
      note("the node refuses: " + error.detail);
      answers_.clear(); // they would be refused again
    }
    std::this_thread::sleep_for(milliseconds{20});
  }

  /// Works through what was claimed. What it has not begun after two thirds of its lease goes back, and the next claim is for
  /// half as many; a claim that was worked through doubles it. A worker with longer jobs would extend their leases instead,
  /// from a thread that has nothing else to do.
  void work() {
    bool gave_back = false;
    for (const auto& grant : std::exchange(grants_, {})) {
      if (stop_asked == 0 && Clock::now() < grant.deadline - grant.lease / 3) {
        answers_.push_back(apply(grant));
      } else {
        answers_.push_back({grant.receipt, Answer::Outcome::release, {}, {}, true, {}});
        gave_back = true;
      }
    }
    claim_max_ = gave_back ? std::max(claim_max_ / 2, 1U) : std::min(claim_max_ * 2, settings_.claim_max);
  }

  Answer apply(const Grant& grant) {
    Answer answer{grant.receipt, Answer::Outcome::complete, {}, {}, true, {}};
    const auto payload = decode_payload(grant.payload);
    if (!payload || payload->run != settings_.run) {
      return refuse(answer, "left over from another run");
    }
    const auto& change = payload->change;
    std::optional<std::string> content{""};
    if (change.after.has_content()) {
      content = blobs_.read(change.after.object);
    }
    if (!content) {
      return refuse(answer, "the repository has no blob " + change.after.object);
    }
    const auto application = store_.apply(change, grant.fencing_token, *content);
    switch (application.verdict) {
    case Verdict::applied:
      break;
    case Verdict::repeated:
      note("repeated: change " + std::to_string(change.number) + ", attempt " + std::to_string(grant.attempt));
      break;
    case Verdict::superseded:
      note("superseded: change " + std::to_string(change.number) + ", " + application.reason);
      answer.outcome = Answer::Outcome::fail;
      answer.error = application.reason;
      break;
    case Verdict::refused:
      return refuse(answer,
                    "change " + std::to_string(change.number) + " of " + quoted_path(change.path) + ": " + application.reason);
    }
    return answer;
  }

  Answer refuse(Answer answer, const std::string& reason) {
    note("refused: " + reason);
    answer.outcome = Answer::Outcome::fail;
    answer.error = reason;
    answer.retry = false;
    return answer;
  }

  /// One write per line: lines of several workers do not mix.
  void note(const std::string& text) {
    const auto line = text + "\n";
    write_all(log_.get(), line.data(), line.size());
  }

  const WorkerSettings& settings_;
  client::Client client_;
  FlatStore store_;
  BlobReader blobs_;
  FileDescriptor log_;
  std::uint32_t claim_max_{settings_.claim_max};
  std::vector<Grant> grants_;
  std::vector<Answer> answers_;
};

} // namespace

int run_worker(const WorkerSettings& settings) {
  auto client = client::Client::open(settings.url);
  if (!client) {
    std::fprintf(stderr, "git-history worker: %s\n", client.error().detail.c_str());
    return 2;
  }
  std::signal(SIGTERM, [](int) { stop_asked = 1; });
  std::signal(SIGINT, SIG_IGN); // from a terminal it goes to the whole group; the parent says when to stop
  Worker{settings, std::move(*client)}.run();
  return 0;
}

} // namespace turnwise::git_history
