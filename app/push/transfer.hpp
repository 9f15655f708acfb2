// One POST by libcurl: what goes out, what may come back, and where it may go. Driven by the courier's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <curl/curl.h>

#include "app/push/address_rules.hpp"
#include "app/push/delivery.hpp"
#include "app/push/target_url.hpp"
#include "app/push/verdict.hpp"

struct sockaddr;

namespace turnwise::push {

/// What is the same for all transfers of a courier.
struct TransferSettings {
  AddressRules rules;
  Schemes schemes{Schemes::https};
  std::string ca_file; ///< PEM, instead of the system's; empty: the system's
  std::string user_agent{"turnwise"};
};

/// What every push says besides its body: one header line each.
std::vector<std::string> header_lines(const Delivery& delivery, model::WallTime now);

class Transfer {
public:
  /// @param settings   outlives the transfer
  /// @param addresses  of the host, looked up and allowed: it connects to these and no others
  /// @param timeout    from now on
  Transfer(const TransferSettings& settings, const Delivery& delivery, const TargetUrl& url,
           const std::vector<Address>& addresses, model::WallTime now, milliseconds timeout);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// For curl_multi; null when libcurl could not take what it was told.
  [[nodiscard]] CURL* handle() const { return ready_ ? easy_.get() : nullptr; }
  /// What came of it. @param code  libcurl's word
  [[nodiscard]] Outcome outcome(CURLcode code) const;

  /// A socket to there, as libcurl asks for one; CURL_SOCKET_BAD when it may not be reached.
  curl_socket_t open_socket(const curl_sockaddr& place);

private:
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  using List = std::unique_ptr<curl_slist, FreeList>;

  template <class Value>
  void set(CURLoption option, Value value);
  static bool append(List& list, const std::string& line);
  void describe_place(const TargetUrl& url, const std::vector<Address>& addresses);
  void describe_bounds(milliseconds timeout);
  void describe_answer();
  std::size_t take_head(std::string_view line);
  std::size_t take_body(std::string_view part);

  const TransferSettings& settings_;
  const milliseconds timeout_;
  const std::string body_;
  bool ready_{true};
  std::optional<std::string> blocked_; ///< why libcurl was not given a socket
  std::size_t head_bytes_{};
  Response response_;
  char error_[CURL_ERROR_SIZE]{};
  List headers_;
  List pinned_;
  std::unique_ptr<CURL, void (*)(CURL*)> easy_; ///< last, since it uses the others until it is gone
};

} // namespace turnwise::push
