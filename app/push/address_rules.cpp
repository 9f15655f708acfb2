// Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its successors); the classes are those of
// Smokescreen, which guards outgoing webhooks elsewhere.
#include "app/push/address_rules.hpp"

#include <algorithm>

#include <boost/asio/ip/udp.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include "app/handlers/file_descriptor.hpp"

namespace turnwise::push {
namespace {

namespace ip = boost::asio::ip;

struct Block4 {
  const char* network;
  AddressClass what;
};
// The first one that fits counts.
constexpr Block4 blocks4[] = {
    {"0.0.0.0/8", AddressClass::no_host},         {"10.0.0.0/8", AddressClass::internal},
    {"100.64.0.0/10", AddressClass::shared},      {"127.0.0.0/8", AddressClass::loopback},
    {"169.254.0.0/16", AddressClass::link_local}, {"172.16.0.0/12", AddressClass::internal},
    {"192.0.0.0/24", AddressClass::special},      {"192.0.2.0/24", AddressClass::special},
    {"192.88.99.0/24", AddressClass::special},    {"192.168.0.0/16", AddressClass::internal},
    {"198.18.0.0/15", AddressClass::special},     {"198.51.100.0/24", AddressClass::special},
    {"203.0.113.0/24", AddressClass::special},    {"224.0.0.0/4", AddressClass::no_host},
    {"240.0.0.0/4", AddressClass::no_host},
};

struct Block6 {
  const char* network;
  AddressClass what;
};
constexpr Block6 blocks6[] = {
    {"::/128", AddressClass::no_host},
    {"::1/128", AddressClass::loopback},
    {"::ffff:0:0/96", AddressClass::embedding}, // mapped
    {"::/96", AddressClass::embedding},         // compatible, deprecated
    {"64:ff9b::/96", AddressClass::embedding},  // translated (NAT64)
    {"64:ff9b:1::/48", AddressClass::embedding},
    {"2001::/32", AddressClass::embedding}, // Teredo
    {"2001::/23", AddressClass::special},
    {"2001:db8::/32", AddressClass::special},
    {"2002::/16", AddressClass::embedding}, // 6to4
    {"3fff::/20", AddressClass::special},
    {"fc00::/7", AddressClass::internal},
    {"fe80::/10", AddressClass::link_local},
    {"fec0::/10", AddressClass::internal}, // site local, deprecated
    {"ff00::/8", AddressClass::no_host},
    {"2000::/3", AddressClass::global},
    {"::/0", AddressClass::no_host}, // nothing else was ever given out
};

bool holds(const ip::network_v4& network, const ip::address_v4& address) {
  return ip::network_v4(address, network.prefix_length()).canonical() == network.canonical();
}

bool holds(const ip::network_v6& network, const ip::address_v6& address) {
  const ip::address_v6 without_scope(address.to_bytes());
  return ip::network_v6(without_scope, network.prefix_length()).canonical() == network.canonical();
}

ip::address_v4 four_bytes(const ip::address_v6::bytes_type& bytes, std::size_t place) {
  return ip::address_v4({bytes[place], bytes[place + 1], bytes[place + 2], bytes[place + 3]});
}

/// Whether the lower half is an interface identifier that holds an IPv4 address (ISATAP, RFC 5214).
bool is_isatap(const ip::address_v6::bytes_type& bytes) {
  return (bytes[8] | 0x03U) == 0x03U && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
}

/// The IPv4 address that an `embedding` one stands for.
ip::address_v4 embedded(const ip::address_v6& address) {
  const auto bytes = address.to_bytes();
  if (bytes[0] == 0x20 && bytes[1] == 0x02) {
    return four_bytes(bytes, 2);
  }
  const bool is_teredo = bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0 && bytes[3] == 0;
  const auto last = four_bytes(bytes, 12);
  return is_teredo ? ip::address_v4(~last.to_uint()) : last; // Teredo has it inverted
}

AddressClass classify6(const ip::address_v6& address) {
  static const auto table = [] {
    std::vector<std::pair<ip::network_v6, AddressClass>> made;
    for (const auto& block : blocks6) {
      made.emplace_back(ip::make_network_v6(block.network), block.what);
    }
    return made;
  }();
  const auto found = std::ranges::find_if(table, [&](const auto& block) { return holds(block.first, address); });
  return found->second == AddressClass::global && is_isatap(address.to_bytes()) ? AddressClass::embedding : found->second;
}

AddressClass classify4(const ip::address_v4& address) {
  static const auto table = [] {
    std::vector<std::pair<ip::network_v4, AddressClass>> made;
    for (const auto& block : blocks4) {
      made.emplace_back(ip::make_network_v4(block.network), block.what);
    }
    return made;
  }();
  const auto found = std::ranges::find_if(table, [&](const auto& block) { return holds(block.first, address); });
  return found == table.end() ? AddressClass::global : found->second;
}

/// Whether a socket that listens on all addresses of this machine listens on this one: it is where the kernel would send from.
/// Nothing is sent.
bool is_of_this_machine(const Address& address) {
  if (address.is_loopback() || address.is_unspecified()) {
    return true;
  }
  constexpr std::uint16_t any_port = 9;
  const ip::udp::endpoint there(address, any_port);
  const handlers::FileDescriptor socket(::socket(there.protocol().family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (connect(socket.get(), there.data(), static_cast<socklen_t>(there.size())) != 0) {
    return false; // nobody gets there
  }
  ip::udp::endpoint here;
  auto size = static_cast<socklen_t>(here.capacity());
  if (getsockname(socket.get(), here.data(), &size) != 0) {
    return true; // rather no connection than one to itself
  }
  here.resize(size);
  return here.address() == address;
}

} // namespace

std::string_view in_words(AddressClass what) {
  switch (what) {
  case AddressClass::global:
    return "a public address";
  case AddressClass::no_host:
    return "no address of a host";
  case AddressClass::loopback:
    return "a loopback address";
  case AddressClass::internal:
    return "a private address";
  case AddressClass::link_local:
    return "a link-local address";
  case AddressClass::shared:
    return "a shared address (100.64.0.0/10)";
  case AddressClass::special:
    return "a special-purpose address";
  case AddressClass::embedding:
    return "an IPv6 address that stands for an IPv4 one";
  }
  return "an unknown address";
}

AddressClass classify(const Address& address) {
  return address.is_v4() ? classify4(address.to_v4()) : classify6(address.to_v6());
}

model::Result<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  boost::system::error_code fault;
  const auto address = ip::make_address(std::string{text.substr(0, slash)}, fault);
  std::string whole{text};
  if (!fault && slash == std::string_view::npos) {
    whole += address.is_v4() ? "/32" : "/128";
  }
  if (!fault && address.is_v4()) {
    if (const auto network = ip::make_network_v4(whole, fault); !fault) {
      return Network{network.canonical()};
    }
  } else if (!fault) {
    if (const auto network = ip::make_network_v6(whole, fault); !fault) {
      return Network{network.canonical()};
    }
  }
  return model::Error{model::Errc::malformed, fmt::format("'{}' is no network like 10.0.0.0/8 or fd00::/8", text), {}};
}

AddressRules::AddressRules(std::vector<Network> allowed, std::vector<OwnAddress> own)
    : allowed_(std::move(allowed)), own_(std::move(own)) {}

std::optional<std::string> AddressRules::refusal(const Address& address, std::uint16_t port) const {
  const AddressClass what = classify(address);
  if (is_own(address, port)) {
    return fmt::format("{} port {} is this node itself", address.to_string(), port);
  }
  // An address that stands for another one is as good as that, also where its form is allowed.
  if (what == AddressClass::embedding && is_allowed(address)) {
    return refusal(embedded(address.to_v6()), port);
  }
  if (what == AddressClass::global || (what != AddressClass::no_host && is_allowed(address))) {
    return std::nullopt;
  }
  return fmt::format("{} is {}", address.to_string(), in_words(what));
}

bool AddressRules::is_allowed(const Address& address) const {
  return std::ranges::any_of(allowed_, [&](const Network& network) {
    if (const auto* of_v4 = std::get_if<ip::network_v4>(&network)) {
      return address.is_v4() && holds(*of_v4, address.to_v4());
    }
    return address.is_v6() && holds(std::get<ip::network_v6>(network), address.to_v6());
  });
}

bool AddressRules::is_own(const Address& address, std::uint16_t port) const {
  return std::ranges::any_of(own_, [&](const OwnAddress& own) {
    return own.port == port && (own.address.is_unspecified() ? is_of_this_machine(address) : own.address == address);
  });
}

} // namespace turnwise::push
