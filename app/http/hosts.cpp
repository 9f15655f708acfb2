#include "app/http/hosts.hpp"

#include <algorithm>

#include <boost/asio/ip/address.hpp>

#include "app/text.hpp"

namespace turnwise::http {
namespace {

std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) {
    return host.substr(1, std::min(host.find(']'), host.size()) - 1);
  }
  return host.substr(0, host.find(':'));
}

} // namespace

bool accepts(Hosts hosts, std::string_view host) {
  if (hosts == Hosts::any || host.empty()) {
    return true;
  }
  auto name = without_port(host);
  if (name.ends_with('.')) {
    name.remove_suffix(1);
  }
  boost::system::error_code failure;
  const auto address = boost::asio::ip::make_address(name, failure);
  return failure ? equal_ignoring_case(name, "localhost") : address.is_loopback();
}

} // namespace turnwise::http
