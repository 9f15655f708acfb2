// app/client: how a C++ program asks a Turnwise node for something. One Client is one keep-alive connection to one node, used
// by one thread at a time; it connects when first needed and again after each loss. Every call blocks until the answer or its
// timeout (the system resolves names in its own time, addresses at once), and reports errors as values. Nothing is repeated
// behind the caller's back: see retry.hpp for that.
//
// Errors: what the node refuses comes as the model::Errc of its problem document. Where no answer came, the code says what is
// known: `unavailable` when nothing was sent, `outcome_unknown` when the request may have arrived.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/client/messages.hpp"
#include "model/errors.hpp"

namespace turnwise::client {

using model::Result;
using std::chrono::milliseconds;

struct Header {
  std::string name;
  std::string value;
};

/// Any answer of the node, also one that says no.
struct Reply {
  int status{};
  std::string body;
  std::vector<Header> headers;

  /// The first header of this name, in any case, or nothing.
  [[nodiscard]] const std::string* find_header(std::string_view name) const;
};

struct Options {
  std::string token; ///< sent as a bearer token when not empty
  milliseconds connect_timeout{2'000};
  milliseconds request_timeout{10'000}; ///< from the start of sending to the end of the answer; a call that waits adds its wait
  std::size_t reply_bytes_max{64U << 20U}; ///< a larger answer is an error
  std::string ca_file{};                   ///< for https: PEM, the certificates to trust; empty: the system's
};

class Client {
public:
  /// @param url  http://host:port or https://host:port; nothing is connected yet. With https the node's certificate must be
  ///             for this host and be trusted
  /// @returns Errc::malformed with what is wrong when the URL is of another form, or the ca_file cannot be used.
  static Result<Client> open(std::string_view url, Options options = {});

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// Sends one request with a JSON body (or none) and waits for the answer, whatever its status.
  /// @param wait  how long the node may hold the answer back on purpose, on top of the request timeout
  Result<Reply> request(std::string_view method, std::string_view target, std::string_view body = {},
                        std::span<const Header> headers = {}, milliseconds wait = milliseconds{0});

  /// A piece of an answer's body; false: enough.
  using Sink = std::function<bool(std::string_view)>;
  /// GETs an answer that lasts, and gives `sink` its body as it comes, until it ends or the sink has enough. Closes the
  /// connection.
  /// @param silence_max  nothing for so long is an error
  /// @returns an answer that says no with its body; else an empty one
  Result<Reply> follow(std::string_view target, std::span<const Header> headers, milliseconds silence_max, const Sink& sink);

  Result<Submitted> submit(const NewJob& job);
  /// Item i is the answer to jobs[i]. An error of the whole call means that no item is known to be accepted.
  Result<std::vector<Result<Submitted>>> submit_batch(std::span<const NewJob> jobs);

  /// Waits up to request.wait for work, and reports finished work and extends leases on the way.
  Result<Claimed> claim(const ClaimRequest& request);
  Result<Extended> heartbeat(std::string_view receipt);
  /// @param result  JSON text, or nothing
  Result<Settled> complete(std::string_view receipt, std::string_view result = {});
  Result<Settled> fail(std::string_view receipt, const Failure& failure);
  Result<Settled> release(std::string_view receipt);

  Result<Job> job(std::string_view id);
  /// As job(), but the node answers when the job is final or after `wait` (it allows up to 30 s): look at Job::state.
  Result<Job> wait_for_job(std::string_view id, milliseconds wait);
  /// The subject's story as JSON text.
  Result<std::string> subject(std::string_view subject);
  Result<Stats> stats();
  /// Whether the node says that it can serve.
  bool ready();

private:
  class Connection;
  explicit Client(std::unique_ptr<Connection> connection);
  Result<Settled> settle(const Answer& answer);

  std::unique_ptr<Connection> connection_;
};

} // namespace turnwise::client
