#include "app/handlers/command.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace turnwise::handlers {

namespace {

// Both ends are processes of the same program on the same machine, so numbers travel in its byte order.
class Writer {
public:
  void number(std::uint32_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_.append(value);
  }
  void texts(const std::vector<std::string>& values) {
    number(static_cast<std::uint32_t>(values.size()));
    for (const auto& value : values) {
      text(value);
    }
  }
  std::string take() && { return std::move(bytes_); }

private:
  std::string bytes_;
};

/// After the first fault everything reads as empty, and complete() is false.
class Reader {
public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint32_t number() {
    std::uint32_t value = 0;
    const auto bytes = take(sizeof value);
    if (bytes.size() == sizeof value) {
      std::memcpy(&value, bytes.data(), sizeof value);
    }
    return value;
  }
  std::string text() { return std::string(take(number())); }
  std::vector<std::string> texts() {
    std::vector<std::string> values;
    for (auto left = number(); left > 0 && !broken_; --left) {
      values.push_back(text());
    }
    return values;
  }
  [[nodiscard]] bool complete() const { return !broken_ && rest_.empty(); }

private:
  std::string_view take(std::size_t count) {
    if (broken_ || count > rest_.size()) {
      broken_ = true;
      return {};
    }
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
  bool broken_{};
};

} // namespace

std::string encode(const CommandRequest& request) {
  Writer writer;
  writer.texts(request.argv);
  writer.texts(request.environment);
  return std::move(writer).take();
}

std::optional<CommandRequest> decode_request(std::string_view bytes) {
  Reader reader(bytes);
  CommandRequest request;
  request.argv = reader.texts();
  request.environment = reader.texts();
  if (!reader.complete() || request.argv.empty()) {
    return std::nullopt;
  }
  return request;
}

std::string encode(const CommandEnd& end) {
  Writer writer;
  writer.number(static_cast<std::uint32_t>(end.how));
  writer.number(static_cast<std::uint32_t>(end.code));
  writer.number(end.output_truncated ? 1 : 0);
  writer.number(end.errors_truncated ? 1 : 0);
  writer.text(end.error);
  writer.text(end.output);
  writer.text(end.errors);
  return std::move(writer).take();
}

std::optional<CommandEnd> decode_end(std::string_view bytes) {
  Reader reader(bytes);
  CommandEnd end;
  const auto how = reader.number();
  end.how = static_cast<CommandEnd::How>(how);
  end.code = static_cast<int>(reader.number());
  end.output_truncated = reader.number() != 0;
  end.errors_truncated = reader.number() != 0;
  end.error = reader.text();
  end.output = reader.text();
  end.errors = reader.text();
  if (!reader.complete() || how > static_cast<std::uint32_t>(CommandEnd::How::lost)) {
    return std::nullopt;
  }
  return end;
}

void OutputTail::append(std::string_view bytes) {
  seen_ += bytes.size();
  text_.append(bytes.substr(bytes.size() - std::min(bytes.size(), bytes_max_)));
  if (text_.size() > 2 * bytes_max_) {
    text_.erase(0, text_.size() - bytes_max_);
  }
}

std::string OutputTail::take() && {
  text_.erase(0, text_.size() - std::min(text_.size(), bytes_max_));
  return std::move(text_);
}

} // namespace turnwise::handlers
