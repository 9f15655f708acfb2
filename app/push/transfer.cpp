#include "app/push/transfer.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include "app/api/time_text.hpp"
#include "app/push/percent.hpp"
#include "app/push/socket_address.hpp"
#include "app/text.hpp"

namespace turnwise::push {
namespace {

constexpr milliseconds connect_timeout{10'000};
constexpr std::size_t head_bytes_max = 16 * 1024;
constexpr std::string_view retry_after_field = "retry-after:";

curl_socket_t socket_callback(void* transfer, curlsocktype /*purpose*/, curl_sockaddr* place) {
  return static_cast<Transfer*>(transfer)->open_socket(*place);
}

} // namespace

std::vector<std::string> header_lines(const Delivery& delivery, model::WallTime now) {
  const auto timestamp = std::to_string(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  std::vector<std::string> lines{
      "Content-Type: application/json",
      "Accept: application/json",
      "webhook-id: " + delivery.job,
      "webhook-timestamp: " + timestamp,
      "webhook-signature: " + signatures(delivery.target->secrets, now, delivery.job, timestamp, delivery.payload),
      "Job-Subject: " + percent_encoded(delivery.subject),
      "Job-Kind: " + percent_encoded(delivery.kind),
      fmt::format("Job-Attempt: {}", delivery.attempt.value()),
      fmt::format("Job-Fence: {}", delivery.fencing_token.value()),
      "Job-Receipt: " + delivery.receipt,
      "Job-Lease: " + api::to_text(delivery.lease),
  };
  if (!delivery.traceparent.empty()) {
    lines.push_back("traceparent: " + delivery.traceparent);
  }
  return lines;
}

Transfer::Transfer(const TransferSettings& settings, const Delivery& delivery, const TargetUrl& url,
                   const std::vector<Address>& addresses, model::WallTime now, milliseconds timeout)
    : settings_(settings), timeout_(timeout), body_(delivery.payload), easy_(curl_easy_init(), curl_easy_cleanup) {
  ready_ = easy_ != nullptr;
  if (!ready_) {
    return;
  }
  set(CURLOPT_ERRORBUFFER, static_cast<char*>(error_));
  for (const auto& line : header_lines(delivery, now)) {
    ready_ = ready_ && append(headers_, line);
  }
  ready_ = ready_ && append(headers_, "Expect:"); // no waiting for a word before the body
  set(CURLOPT_HTTPHEADER, headers_.get());
  set(CURLOPT_USERAGENT, settings_.user_agent.c_str());
  set(CURLOPT_POST, 1L);
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
  set(CURLOPT_POSTFIELDS, body_.data());
  describe_place(url, addresses);
  describe_bounds(timeout);
  describe_answer();
}

template <class Value>
void Transfer::set(CURLoption option, Value value) {
  ready_ = ready_ && curl_easy_setopt(easy_.get(), option, value) == CURLE_OK;
}

bool Transfer::append(List& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) {
    return false;
  }
  list.release();
  list.reset(longer);
  return true;
}

/// Where it connects to, and to nowhere else.
void Transfer::describe_place(const TargetUrl& url, const std::vector<Address>& addresses) {
  set(CURLOPT_URL, url.text.c_str());
  const char* schemes = settings_.schemes == Schemes::https ? "https" : "https,http";
  set(CURLOPT_PROTOCOLS_STR, schemes);
  set(CURLOPT_REDIR_PROTOCOLS_STR, schemes);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, ""); // whatever the environment says
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  // Every attempt has a connection of its own: a kept one would lead to where the host was, and libcurl sends a request again
  // when it finds a kept one dead.
  set(CURLOPT_FRESH_CONNECT, 1L);
  set(CURLOPT_FORBID_REUSE, 1L);
  set(CURLOPT_OPENSOCKETFUNCTION, socket_callback);
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  boost::system::error_code is_name;
  boost::asio::ip::make_address(url.host, is_name);
  if (!is_name) {
    return; // an address needs no looking up
  }
  std::string line = fmt::format("+{}:{}:", url.host, url.port); // with the plus, libcurl forgets it after a while
  for (const auto& address : addresses) {
    line += fmt::format("{}{}", line.ends_with(':') ? "" : ",",
                        address.is_v4() ? address.to_string() : fmt::format("[{}]", address.to_string()));
  }
  ready_ = ready_ && append(pinned_, line);
  set(CURLOPT_RESOLVE, pinned_.get());
}

void Transfer::describe_bounds(milliseconds timeout) {
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(timeout, connect_timeout).count()));
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!settings_.ca_file.empty()) {
    set(CURLOPT_CAINFO, settings_.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
}

void Transfer::describe_answer() {
  const curl_write_callback head = [](char* bytes, std::size_t, std::size_t count, void* transfer) {
    return static_cast<Transfer*>(transfer)->take_head({bytes, count});
  };
  const curl_write_callback body = [](char* bytes, std::size_t, std::size_t count, void* transfer) {
    return static_cast<Transfer*>(transfer)->take_body({bytes, count});
  };
  set(CURLOPT_HEADERFUNCTION, head);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
}

/// Anything else than the size of the line ends the transfer.
std::size_t Transfer::take_head(std::string_view line) {
  head_bytes_ += line.size();
  if (head_bytes_ > head_bytes_max) {
    return 0;
  }
  const auto name = line.substr(0, retry_after_field.size());
  if (equal_ignoring_case(name, retry_after_field)) {
    response_.retry_after = trim(line.substr(name.size()), " \t\r\n");
  } else if (line.starts_with("HTTP/")) {
    response_.retry_after.clear(); // what came before was not the answer
  }
  return line.size();
}

std::size_t Transfer::take_body(std::string_view part) {
  response_.body.append(part.substr(0, answer_bytes_max + 1 - response_.body.size()));
  return response_.body.size() > answer_bytes_max ? 0 : part.size();
}

curl_socket_t Transfer::open_socket(const curl_sockaddr& place) {
  const auto address = address_of(place.addr);
  const auto refusal = address ? settings_.rules.refusal(*address, port_of(place.addr))
                               : std::optional<std::string>("its address is not of the internet");
  if (refusal) {
    blocked_ = *refusal;
    return CURL_SOCKET_BAD;
  }
  return socket(place.family, place.socktype | SOCK_CLOEXEC, place.protocol);
}

Outcome Transfer::outcome(CURLcode code) const {
  if (blocked_) {
    return handlers::GiveUp{"blocked_destination: " + *blocked_};
  }
  Response response = response_;
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  const bool was_cut = response.body.size() > answer_bytes_max; // what came is enough, whatever libcurl says of the rest
  if (code == CURLE_OK || was_cut) {
    return outcome_of(response);
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return handlers::RetryLater{fmt::format("no whole answer within {} ms", timeout_.count())};
  }
  if (head_bytes_ > head_bytes_max) {
    return handlers::RetryLater{fmt::format("the answer's head has more than {} bytes", head_bytes_max)};
  }
  return handlers::RetryLater{error_[0] == '\0' ? curl_easy_strerror(code) : static_cast<const char*>(error_)};
}

} // namespace turnwise::push
