// What a connection may cost: sizes, deadlines, numbers.
#pragma once

#include <chrono>
#include <cstddef>

namespace turnwise::http {

using std::chrono::milliseconds;

struct Limits {
  std::size_t connections_max{12'000}; ///< of all clients together; beyond: 503 and close
  std::size_t request_line_bytes_max{8 * 1024};
  std::size_t head_bytes_max{16 * 1024}; ///< request line included
  std::size_t fields_max{64};
  std::size_t body_bytes_max{1024 * 1024};
  std::size_t batch_bytes_max{16 * 1024 * 1024};
  std::size_t bodies_bytes_max{256 * 1024 * 1024}; ///< of all requests that are being read or answered; beyond: 503

  milliseconds handshake_deadline{10'000}; ///< of TLS
  milliseconds head_deadline{10'000};      ///< from the first byte of a request to the end of its head
  milliseconds idle_max{60'000};           ///< between requests
  milliseconds grace{10'000};              ///< how much longer than its size allows a body or an answer may take
  std::size_t bytes_per_second_min{1024};
  milliseconds linger_max{1'000}; ///< after a refusal: how long the rest of the request is read and dropped
};

} // namespace turnwise::http
