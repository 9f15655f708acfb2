// Inside app/client: values to the JSON of the API and back. docs/API.md has the contract.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/api/time_text.hpp"
#include "app/client/client.hpp"

namespace turnwise::client::wire {

std::string encode(const NewJob& job);
std::string encode_batch(std::span<const NewJob> jobs);
std::string encode(const ClaimRequest& request);
/// As the API calls it: also the last word of the call that reports it.
std::string_view outcome_name(Answer::Outcome outcome);
/// The body of complete, fail or release.
std::string encode(const Answer& answer);

/// As the API writes durations.
inline std::optional<milliseconds> decode_duration(std::string_view text) {
  return api::parse_duration(text);
}

/// What a refusal says: its problem document, or the status alone when there is none.
model::Error decode_problem(int status, std::string_view body);

Result<Submitted> decode_submitted(std::string_view body);
Result<std::vector<Result<Submitted>>> decode_batch(std::string_view body, std::size_t count);
/// @param sent_at  when the request was sent: leases are counted from there
Result<Claimed> decode_claimed(std::string_view body, const ClaimRequest& request,
                               std::chrono::steady_clock::time_point sent_at);
Result<Settled> decode_settled(std::string_view body);
Result<Extended> decode_extended(std::string_view body);
Result<Job> decode_job(std::string_view body);
Result<Stats> decode_stats(std::string_view body);

} // namespace turnwise::client::wire
