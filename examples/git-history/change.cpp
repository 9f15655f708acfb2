#include "examples/git-history/change.hpp"

#include <algorithm>
#include <stdexcept>

#include <boost/json.hpp>

#include "examples/git-history/digest.hpp"
#include "model/subject.hpp"

namespace turnwise::git_history {

namespace json = boost::json;

namespace {

bool is_object_id(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

[[noreturn]] void refuse(std::string_view text) {
  throw std::runtime_error{"git diff-tree wrote something unexpected: " + quoted_path(text.substr(0, 200))};
}

std::string_view next_word(std::string_view& text) {
  const auto end = std::min(text.find(' '), text.size());
  const auto word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

/// `:100644 100755 <old id> <new id> M`
Change parse_head(std::string_view text) {
  std::string_view rest = text.substr(1);
  Change change;
  change.before.mode = next_word(rest);
  change.after.mode = next_word(rest);
  change.before.object = next_word(rest);
  change.after.object = next_word(rest);
  if (change.before.mode.size() != 6 || change.after.mode.size() != 6 || !is_object_id(change.before.object) ||
      !is_object_id(change.after.object)) {
    refuse(text);
  }
  return change;
}

json::object encode_version(const Version& version) {
  return {{"mode", version.mode}, {"object", version.object}};
}

Version decode_version(const json::value& value) {
  return {json::value_to<std::string>(value.at("mode")), json::value_to<std::string>(value.at("object"))};
}

} // namespace

void RawDiffParser::token(std::string_view text) {
  if (open_) {
    open_->path = text;
    sink_(std::move(*open_));
    open_.reset();
  } else if (text.starts_with(':')) {
    if (commit_.empty()) {
      refuse(text);
    }
    open_ = parse_head(text);
    open_->commit = commit_;
    open_->number = ++count_;
  } else if (is_object_id(text)) {
    commit_ = text;
  } else {
    refuse(text);
  }
}

void RawDiffParser::feed(std::string_view bytes) {
  for (;;) {
    const auto end = bytes.find('\0');
    if (end == std::string_view::npos) {
      break;
    }
    if (partial_.empty()) {
      token(bytes.substr(0, end));
    } else {
      partial_.append(bytes.substr(0, end));
      token(partial_);
      partial_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
  partial_.append(bytes);
}

void RawDiffParser::finish() const {
  if (open_ || !partial_.empty()) {
    throw std::runtime_error{"git diff-tree's output ends in the middle of a change"};
  }
}

std::string subject_of(std::string_view path) {
  const std::string subject = "path:" + std::string{path};
  // A path may itself begin with what stands for hashed ones.
  if (model::check_subject(subject).ok() && !path.starts_with("sha256:")) {
    return subject;
  }
  return "path:sha256:" + sha256_hex(path);
}

std::string encode_payload(const Change& change, std::string_view run) {
  json::object payload{{"run", run}, {"n", change.number}, {"commit", change.commit}};
  if (model::is_utf8(change.path)) {
    payload["path"] = change.path;
  } else {
    payload["path_base64"] = base64(change.path);
  }
  payload["before"] = encode_version(change.before);
  payload["after"] = encode_version(change.after);
  return json::serialize(payload);
}

std::optional<Payload> decode_payload(std::string_view text) {
  try {
    const auto value = json::parse(json::string_view{text});
    Payload payload{json::value_to<std::string>(value.at("run")), {}};
    auto& change = payload.change;
    change.number = value.at("n").to_number<std::uint64_t>();
    change.commit = json::value_to<std::string>(value.at("commit"));
    if (const auto* encoded = value.as_object().if_contains("path_base64")) {
      auto path = from_base64(json::value_to<std::string>(*encoded));
      if (!path) {
        return std::nullopt;
      }
      change.path = std::move(*path);
    } else {
      change.path = json::value_to<std::string>(value.at("path"));
    }
    change.before = decode_version(value.at("before"));
    change.after = decode_version(value.at("after"));
    return payload;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

} // namespace turnwise::git_history
