#include "app/http/response.hpp"

#include <array>
#include <ctime>
#include <iterator>

#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

#include "app/api/render.hpp"

namespace turnwise::http {
namespace {

constexpr int retry_after_seconds = 1;

/// The time as HTTP writes it, computed once per second and thread.
std::string_view date() {
  static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local std::time_t of = -1;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != of) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    text = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                       months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                       parts.tm_sec);
    of = now;
  }
  return text;
}

/// Status line and fields, but for those of the framing.
void append_fields(std::string& out, const Response& response) {
  const auto status = static_cast<boost::beast::http::status>(response.status);
  const auto reason = boost::beast::http::obsolete_reason(status);
  auto into = std::back_inserter(out);
  fmt::format_to(into, "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}\r\n", response.status,
                 std::string_view{reason.data(), reason.size()}, date(), response.content_type);
  for (const auto& [name, value] : response.fields) {
    fmt::format_to(into, "{}: {}\r\n", name, value);
  }
}

} // namespace

Response problem_response(const model::Error& error) {
  Response response;
  response.status = model::http_status(error.code);
  response.content_type = "application/problem+json";
  response.body = api::problem(error);
  if (response.status == 401) {
    response.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"turnwise\"");
  }
  if (response.status == 429 || response.status == 503) {
    response.fields.emplace_back("Retry-After", std::to_string(retry_after_seconds));
  }
  return response;
}

void append(std::string& out, const Response& response, Connection connection, Body body) {
  append_fields(out, response);
  fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.body.size());
  out += connection == Connection::close ? "Connection: close\r\n\r\n" : "\r\n";
  if (body == Body::send) {
    out += response.body;
  }
}

void append_head(std::string& out, const Response& response) {
  append_fields(out, response);
  out += "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
}

void append_chunk(std::string& out, std::string_view piece) {
  fmt::format_to(std::back_inserter(out), "{:x}\r\n{}\r\n", piece.size(), piece);
}

} // namespace turnwise::http
