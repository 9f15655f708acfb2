#include "actors/live_kinds.hpp"

#include <algorithm>
#include <bit>
#include <unordered_map>
#include <unordered_set>

#include "model/test_hooks.hpp"

namespace turnwise::actors {

// ── One kind ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

model::Policy LiveKind::policy() const {
  const std::lock_guard lock(mutex_);
  return model::policy_of(kind_.settings);
}

model::Kind LiveKind::kind() const {
  const std::lock_guard lock(mutex_);
  return kind_;
}

bool LiveKind::apply(const model::Kind& kind) {
  const std::lock_guard lock(mutex_);
  if (kind == kind_) {
    return false;
  }
  kind_ = kind;
  limit_ = kind.settings.concurrency.value_or(unlimited);
  paused_ = kind.pause.has_value();
  ++version_;
  return true;
}

bool LiveKind::is_paused() const {
  return paused_.load() && !TURNWISE_MUTANT("K2");
}

std::uint32_t LiveKind::take_permits(std::uint32_t wanted) {
  if (is_paused()) {
    return 0;
  }
  std::uint32_t given = 0;
  std::uint32_t present = permits_.load();
  do {
    const std::uint32_t limit = TURNWISE_MUTANT("K1") ? unlimited : limit_.load();
    given = std::min(wanted, limit > present ? limit - present : 0);
  } while (given > 0 && !permits_.compare_exchange_weak(present, present + given));
  return given;
}

bool LiveKind::give_back(std::uint32_t count) {
  const std::uint32_t before = permits_.fetch_sub(count);
  const std::uint32_t limit = limit_.load();
  return before >= limit && before - count < limit;
}

// ── All kinds ────────────────────────────────────────────────────────────────────────────────────────────────────────────

LiveKinds::LiveKinds(model::KindTable& names, caf::telemetry::metric_registry& registry) : names_(names), registry_(registry) {}

LiveKinds::~LiveKinds() = default;

LiveKinds::Address LiveKinds::address_of(model::KindId id) {
  const std::uint32_t row = id.value() / first_chunk + 1;
  const auto chunk = static_cast<std::size_t>(std::bit_width(row) - 1);
  return {chunk, id.value() - first_chunk * ((1U << chunk) - 1)};
}

LiveKind* LiveKinds::known(model::KindId id) const {
  const Address address = address_of(id);
  const Place* chunk = chunks_[address.chunk].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : chunk[address.offset].load(std::memory_order_acquire);
}

LiveKind& LiveKinds::at(model::KindId id) {
  LiveKind* found = known(id);
  return found != nullptr ? *found : add(id);
}

LiveKind& LiveKinds::add(model::KindId id) {
  const std::lock_guard lock(mutex_);
  if (LiveKind* found = known(id)) {
    return *found; // another thread was quicker
  }
  const Address address = address_of(id);
  if (chunks_[address.chunk].load() == nullptr) {
    places_.push_back(std::make_unique<Place[]>(std::size_t{first_chunk} << address.chunk));
    chunks_[address.chunk].store(places_.back().get(), std::memory_order_release);
  }
  const std::string& name = names_.name(id);
  if (kinds_.size() >= kind_series_max && !other_) {
    other_.emplace(registry_, "other");
  }
  LiveKind& kind = kinds_.emplace_back(name, other_ ? *other_ : KindMetrics(registry_, name));
  chunks_[address.chunk].load()[address.offset].store(&kind, std::memory_order_release);
  return kind;
}

bool LiveKinds::apply(const storage::Kinds& kinds) {
  std::unordered_set<std::string_view> set;
  bool has_changed = false;
  for (const model::Kind& kind : kinds.kinds) {
    set.insert(kind.name);
    has_changed = apply_one(kind) || has_changed;
  }
  for (const KindStatus& present : list()) {
    if (!present.kind.is_plain() && !set.contains(present.kind.name)) {
      has_changed =
          apply_one(model::Kind{.name = present.kind.name, .revision = 0, .settings = {}, .pause = {}}) || has_changed;
    }
  }
  if (has_changed) {
    tell_watcher();
  }
  return has_changed;
}

bool LiveKinds::apply(const model::Kind& kind) {
  const bool has_changed = apply_one(kind);
  if (has_changed) {
    tell_watcher();
  }
  return has_changed;
}

bool LiveKinds::apply_one(const model::Kind& kind) {
  return at(names_.intern(kind.name)).apply(kind);
}

void LiveKinds::watch(std::function<void()> changed) {
  const std::lock_guard lock(watcher_mutex_);
  watcher_ = std::move(changed);
  if (watcher_) {
    watcher_();
  }
}

void LiveKinds::tell_watcher() {
  const std::lock_guard lock(watcher_mutex_);
  if (watcher_) {
    watcher_();
  }
}

std::optional<model::KindWait> LiveKinds::wait_of(model::KindId id) const {
  const LiveKind* live = known(id);
  if (live == nullptr) {
    return std::nullopt;
  }
  if (auto pause = live->is_paused() ? live->kind().pause : std::nullopt) {
    return model::KindWait{std::move(pause), 0};
  }
  return live->is_limited() && live->is_full() ? std::optional{model::KindWait{std::nullopt, live->limit()}} : std::nullopt;
}

/// A kind that only its name is known of has nothing set and no jobs.
KindStatus LiveKinds::status_of(model::KindId id) const {
  const LiveKind* live = known(id);
  if (live == nullptr) {
    return {model::Kind{.name = names_.name(id), .revision = 0, .settings = {}, .pause = {}}, 0, 0};
  }
  const auto count = [](const std::atomic<std::int64_t>& of) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(of.load(), 0));
  };
  return {live->kind(), count(live->running), count(live->waiting)};
}

std::vector<KindStatus> LiveKinds::list() const {
  std::vector<KindStatus> all;
  const auto count = static_cast<std::uint32_t>(names_.size());
  all.reserve(count);
  for (std::uint32_t number = 0; number < count; ++number) {
    all.push_back(status_of(model::KindId{number}));
  }
  std::ranges::sort(all, {}, [](const KindStatus& status) -> const std::string& { return status.kind.name; });
  return all;
}

std::optional<KindStatus> LiveKinds::find(const std::string& name) const {
  const auto id = names_.find(name);
  return id ? std::optional{status_of(*id)} : std::nullopt;
}

void LiveKinds::publish() const {
  struct Sums {
    std::int64_t waiting{}, running{};
  };
  const std::lock_guard lock(mutex_);
  std::unordered_map<const KindMetrics::Gauge*, Sums> sums; // some kinds share a series
  for (const LiveKind& kind : kinds_) {
    Sums& sum = sums[&kind.figures.waiting];
    kind.figures.waiting.value(sum.waiting += kind.waiting.load());
    kind.figures.running.value(sum.running += kind.running.load());
  }
}

} // namespace turnwise::actors
