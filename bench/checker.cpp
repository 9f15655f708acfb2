#include "bench/checker.hpp"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include <fmt/core.h>

namespace turnwise::bench {

void Checker::fault(const std::string& text) {
  if (++fault_count_ <= faults_max) {
    faults_.push_back(text);
  }
}

void Checker::submitted(Place place) {
  ++submitted_;
  open_.insert(key(place));
}

void Checker::started(Place place, std::uint32_t attempt) {
  auto& subject = subjects_.at(place.subject);
  if (subject.running > 0) {
    fault(fmt::format("overlap: job {} of subject {} started while another one ran", place.turn, place.subject));
  }
  const bool again = place.turn + 1 == subject.next;
  if (attempt > 1 || again) {
    ++repeated_;
  }
  if (place.turn != subject.next && !(again && attempt > 1)) {
    fault(fmt::format("order: job {} of subject {} started where {} was due", place.turn, place.subject, subject.next));
  }
  ++subject.running;
  subject.next = std::max(subject.next, place.turn + 1);
}

void Checker::finished(Place place) {
  --subjects_.at(place.subject).running;
}

void Checker::accepted(Place place) {
  if (open_.erase(key(place)) == 0) {
    fault(fmt::format("accepted twice: job {} of subject {}", place.turn, place.subject));
  }
}

std::vector<std::string> Checker::faults() const {
  auto faults = faults_;
  if (fault_count_ > faults_max) {
    faults.push_back(fmt::format("and {} more", fault_count_ - faults_max));
  }
  if (!open_.empty()) {
    faults.push_back(fmt::format("lost: {} of {} jobs were not done", open_.size(), submitted_));
  }
  return faults;
}

std::string encode_place(Place place) {
  return fmt::format("[{},{}]", place.subject, place.turn);
}

Place decode_place(const std::string& payload) {
  Place place;
  char end{};
  if (std::sscanf(payload.c_str(), "[%u,%u%c", &place.subject, &place.turn, &end) != 3 || end != ']') {
    throw std::runtime_error{"a job that is not of this run: " + payload.substr(0, 80)};
  }
  return place;
}

} // namespace turnwise::bench
