#include "tests/examples/scripted_server.hpp"

#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace turnwise::examples_testing {

std::string http_answer(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " Text\r\nContent-Type: application/json\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

ScriptedServer::ScriptedServer(std::vector<Line> script)
    : script_(std::move(script)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 8) != 0 || getsockname(listener_, generic, &size) != 0 ||
      pipe(stop_pipe_) != 0) {
    throw std::runtime_error("cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread{[this] { serve(); }};
}

ScriptedServer::~ScriptedServer() {
  close(stop_pipe_[1]);
  thread_.join();
  close(stop_pipe_[0]);
  close(listener_);
}

std::vector<std::string> ScriptedServer::requests() {
  const std::lock_guard lock{mutex_};
  return requests_;
}

namespace {

/// Whether there is something to read before the server is to end.
bool wait_for_input(int descriptor, int stop) {
  pollfd watched[] = {{descriptor, POLLIN, 0}, {stop, POLLIN, 0}};
  return poll(watched, 2, 20'000) > 0 && watched[1].revents == 0;
}

} // namespace

void ScriptedServer::serve() {
  while (next_ < script_.size() && wait_for_input(listener_, stop_pipe_[0])) {
    const int connection = accept(listener_, nullptr, nullptr);
    const bool go_on = serve_connection(connection);
    close(connection);
    if (!go_on) {
      return;
    }
  }
}

bool ScriptedServer::serve_connection(int socket) {
  while (next_ < script_.size() && read_request(socket)) {
    const auto& line = script_[next_++];
    if (send(socket, line.answer.data(), line.answer.size(), MSG_NOSIGNAL) < 0) {
      return true;
    }
    if (line.then == Line::Then::stall) {
      wait_for_input(stop_pipe_[0], stop_pipe_[0]);
      return false;
    }
    if (line.then == Line::Then::close) {
      return true;
    }
  }
  return true;
}

bool ScriptedServer::read_request(int socket) {
  std::string request;
  std::size_t wanted = std::string::npos;
  while (request.size() < wanted) {
    char buffer[4'096];
    if (!wait_for_input(socket, stop_pipe_[0])) {
      return false;
    }
    const auto count = recv(socket, buffer, sizeof buffer, 0);
    if (count <= 0) {
      return false;
    }
    request.append(buffer, static_cast<std::size_t>(count));
    const auto head = request.find("\r\n\r\n");
    if (head == std::string::npos) {
      continue;
    }
    const auto length = request.find("Content-Length: ");
    wanted = head + 4 + (length < head ? std::stoul(request.substr(length + 16)) : 0);
  }
  const std::lock_guard lock{mutex_};
  requests_.push_back(std::move(request));
  return true;
}

} // namespace turnwise::examples_testing
