// app/push delivers jobs to URLs. This file: which addresses a node may connect to for that, so that nobody who may set an
// address of a kind can make a node talk to what only the node can reach.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "model/errors.hpp"

namespace turnwise::push {

using Address = boost::asio::ip::address;
using Network = std::variant<boost::asio::ip::network_v4, boost::asio::ip::network_v6>;

/// What an address is for, by the registries of special-purpose addresses of IANA.
enum class AddressClass : std::uint8_t {
  global,     ///< a host of the public internet
  no_host,    ///< unspecified, multicast, broadcast or reserved
  loopback,   ///< this machine
  internal,   ///< private networks, unique local addresses
  link_local, ///< with the metadata services of clouds
  shared,     ///< between a provider and its customers (100.64.0.0/10)
  special,    ///< documentation, benchmarks, protocol assignments
  embedding,  ///< an IPv6 address that stands for an IPv4 one: mapped, translated, 6to4, Teredo, ISATAP
};
/// "a loopback address": for error texts.
std::string_view in_words(AddressClass what);
AddressClass classify(const Address& address);

/// "10.0.0.0/8", "fd00::/8", or one address.
model::Result<Network> parse_network(std::string_view text);

/// A place where this node itself listens.
struct OwnAddress {
  Address address; ///< unspecified: all addresses of this machine
  std::uint16_t port{};
};

/// Immutable, so that any thread may ask.
class AddressRules {
public:
  /// @param allowed  networks that may be reached although they are not of the public internet
  /// @param own      may never be reached
  explicit AddressRules(std::vector<Network> allowed = {}, std::vector<OwnAddress> own = {});

  /// Nothing when a connection to there is allowed; else why not, in words for people.
  [[nodiscard]] std::optional<std::string> refusal(const Address& address, std::uint16_t port) const;

private:
  [[nodiscard]] bool is_allowed(const Address& address) const;
  [[nodiscard]] bool is_own(const Address& address, std::uint16_t port) const;

  std::vector<Network> allowed_;
  std::vector<OwnAddress> own_;
};

} // namespace turnwise::push
