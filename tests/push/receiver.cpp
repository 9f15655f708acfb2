#include "tests/push/receiver.hpp"

#include <algorithm>
#include <csignal>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace turnwise::push::testing {
namespace {

template <class T>
T* must(T* pointer) {
  if (pointer == nullptr) {
    throw std::runtime_error("OpenSSL does not do it");
  }
  return pointer;
}

std::string text_of(const std::function<void(BIO*)>& write) {
  const std::unique_ptr<BIO, int (*)(BIO*)> memory(must(BIO_new(BIO_s_mem())), BIO_free);
  write(memory.get());
  char* text = nullptr;
  const auto size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

SSL_CTX* context_of(const Certificate& certificate) {
  SSL_CTX* context = must(SSL_CTX_new(TLS_server_method()));
  const std::unique_ptr<BIO, int (*)(BIO*)> of_certificate(BIO_new_mem_buf(certificate.certificate.data(), -1), BIO_free);
  const std::unique_ptr<BIO, int (*)(BIO*)> of_key(BIO_new_mem_buf(certificate.key.data(), -1), BIO_free);
  const std::unique_ptr<X509, void (*)(X509*)> x509(must(PEM_read_bio_X509(of_certificate.get(), nullptr, nullptr, nullptr)),
                                                    X509_free);
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      must(PEM_read_bio_PrivateKey(of_key.get(), nullptr, nullptr, nullptr)), EVP_PKEY_free);
  if (SSL_CTX_use_certificate(context, x509.get()) != 1 || SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    throw std::runtime_error("the certificate cannot be used");
  }
  return context;
}

ssize_t receive(int socket, SSL* tls, char* bytes, std::size_t size) {
  return tls != nullptr ? SSL_read(tls, bytes, static_cast<int>(size)) : recv(socket, bytes, size, 0);
}

/// A whole request, or nothing when the other side went away before.
std::optional<Heard> read_request(int socket, SSL* tls) {
  std::string bytes;
  std::size_t wanted = std::string::npos;
  while (bytes.size() < wanted) {
    char chunk[4'096];
    const auto count = receive(socket, tls, chunk, sizeof chunk);
    if (count <= 0) {
      return std::nullopt;
    }
    bytes.append(chunk, static_cast<std::size_t>(count));
    const auto end = bytes.find("\r\n\r\n");
    if (end != std::string::npos) {
      const auto length = Heard{bytes.substr(0, end + 4), {}}.field("Content-Length");
      wanted = end + 4 + (length.empty() ? 0 : std::stoul(length));
    }
  }
  const auto head = bytes.find("\r\n\r\n") + 4;
  return Heard{bytes.substr(0, head), bytes.substr(head)};
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

} // namespace

std::string Heard::field(std::string_view name) const {
  const auto at = head.find("\r\n" + std::string{name} + ": ");
  if (at == std::string::npos) {
    return {};
  }
  const auto begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

bool Exchange::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = tls_ != nullptr ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                                       : ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool Exchange::ends_within(std::chrono::milliseconds wait) {
  pollfd watched{socket_, POLLIN | POLLRDHUP, 0};
  return poll(&watched, 1, static_cast<int>(wait.count())) > 0;
}

std::string answer(int status, std::string_view body, std::string_view fields) {
  return "HTTP/1.1 " + std::to_string(status) + " Text\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string{fields} + "Connection: close\r\n\r\n" + std::string{body};
}

Certificate make_certificate(const std::string& name, Validity validity) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(must(EVP_EC_gen("P-256")), EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> x509(must(X509_new()), X509_free);
  constexpr long day = 24 * 60 * 60;
  const long end = validity == Validity::now ? day : -day;
  X509_set_version(x509.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509.get()), -2 * day);
  X509_gmtime_adj(X509_getm_notAfter(x509.get()), end);
  X509_set_pubkey(x509.get(), key.get());
  X509_NAME* subject = X509_get_subject_name(x509.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("receiver of a test"), -1, -1,
                             0);
  X509_set_issuer_name(x509.get(), subject);
  const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> names(
      must(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, name.c_str())), X509_EXTENSION_free);
  X509_add_ext(x509.get(), names.get(), -1);
  X509_sign(x509.get(), key.get(), EVP_sha256());
  return {text_of([&](BIO* out) { PEM_write_bio_X509(out, x509.get()); }),
          text_of([&](BIO* out) { PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); })};
}

Receiver::Receiver(std::string always)
    : Receiver([always = std::move(always)](Exchange& exchange) { exchange.send(always); }) {}

Receiver::Receiver(Script script, std::optional<Certificate> tls)
    : script_(std::move(script)),
      tls_(tls ? context_of(*tls) : nullptr, SSL_CTX_free),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  auto address = loopback(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 64) != 0 || getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("cannot listen");
  }
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { accept_all(); });
}

Receiver::~Receiver() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    for (const int socket : open_) {
      shutdown(socket, SHUT_RDWR);
    }
  }
  shutdown(listener_, SHUT_RDWR); // ends accept
  accepting_.join();
  for (auto& exchange : exchanges_) {
    exchange.join();
  }
  close(listener_);
}

std::string Receiver::url(const std::string& scheme, const std::string& host) const {
  return scheme + "://" + host + ":" + std::to_string(port_) + "/jobs";
}

void Receiver::accept_all() {
  for (;;) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (socket < 0 || ending_) {
      if (socket >= 0) {
        close(socket);
      }
      return;
    }
    ++accepted_;
    open_.push_back(socket);
    exchanges_.emplace_back([this, socket] { serve(socket); });
    changed_.notify_all();
  }
}

void Receiver::serve(int socket) {
  sigset_t signals; // TLS writes to sockets that others have closed
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const std::unique_ptr<SSL, void (*)(SSL*)> tls(tls_ ? SSL_new(tls_.get()) : nullptr, SSL_free);
  bool usable = true;
  if (tls) {
    SSL_set_fd(tls.get(), socket);
    usable = SSL_accept(tls.get()) == 1;
  }
  if (auto request = usable ? read_request(socket, tls.get()) : std::nullopt) {
    {
      const std::lock_guard lock(mutex_);
      heard_.push_back(*request);
      changed_.notify_all();
    }
    Exchange exchange(socket, tls.get(), std::move(*request));
    script_(exchange);
  }
  const std::lock_guard lock(mutex_);
  std::erase(open_, socket);
  close(socket);
}

Heard Receiver::next() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, patience, [&] { return !heard_.empty(); })) {
    throw std::runtime_error("nothing was pushed");
  }
  auto request = std::move(heard_.front());
  heard_.pop_front();
  return request;
}

/// Connections are accepted in their order: once one made now has been, so have all before it.
std::size_t Receiver::connections() {
  std::unique_lock lock(mutex_);
  const int own = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(port_);
  ++own_;
  lock.unlock();
  sockaddr_in mine{};
  socklen_t size = sizeof mine;
  if (connect(own, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      getsockname(own, reinterpret_cast<sockaddr*>(&mine), &size) != 0) {
    throw std::runtime_error("cannot connect");
  }
  lock.lock();
  const auto is_accepted = [&] {
    return std::ranges::any_of(open_, [&](int socket) {
      sockaddr_in peer{};
      socklen_t length = sizeof peer;
      return getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &length) == 0 && peer.sin_port == mine.sin_port;
    });
  };
  const bool seen = changed_.wait_for(lock, patience, is_accepted);
  close(own);
  if (!seen) {
    throw std::runtime_error("nobody accepts connections");
  }
  return accepted_ - own_;
}

} // namespace turnwise::push::testing
