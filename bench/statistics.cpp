#include "bench/statistics.hpp"

#include <algorithm>
#include <cmath>

#include <boost/json.hpp>
#include <fmt/core.h>

namespace turnwise::bench {

namespace json = boost::json;

double percentile(std::vector<double>& values, double fraction) {
  if (values.empty()) {
    return 0;
  }
  std::ranges::sort(values);
  const auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

double median(std::vector<double> values) {
  if (values.empty()) {
    return 0;
  }
  std::ranges::sort(values);
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void Measurements::add(const std::string& name, const std::string& unit, double value) {
  auto metric = std::ranges::find(metrics_, name, &Metric::name);
  if (metric == metrics_.end()) {
    metric = metrics_.insert(metrics_.end(), Metric{name, unit, {}});
  }
  metric->values.push_back(value);
}

std::string readable(double value) {
  if (value == 0) {
    return "0";
  }
  if (std::abs(value) < 10) {
    return fmt::format("{:.{}f}", value, std::abs(value) < 1 ? 3 : 2);
  }
  if (std::abs(value) < 100) {
    return fmt::format("{:.1f}", value);
  }
  auto text = fmt::format("{:.0f}", value);
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  for (auto at = text.size(); at > first + 3;) {
    text.insert(at -= 3, ",");
  }
  return text;
}

std::string as_table(const std::vector<Report>& reports) {
  std::string text =
      fmt::format("{:<10} {:<52} {:>11} {:>11} {:>11}  {}\n", "workload", "what", "median", "min", "max", "unit");
  for (const auto& report : reports) {
    std::string name = report.workload;
    for (const auto& metric : report.measurements.metrics()) {
      const auto [min, max] = std::ranges::minmax(metric.values);
      text += fmt::format("{:<10} {:<52} {:>11} {:>11} {:>11}  {}\n", std::exchange(name, {}), metric.name,
                          readable(median(metric.values)), readable(min), readable(max), metric.unit);
    }
  }
  return text;
}

std::string as_json(const std::vector<Report>& reports) {
  json::array workloads;
  for (const auto& report : reports) {
    json::array metrics;
    for (const auto& metric : report.measurements.metrics()) {
      const auto [min, max] = std::ranges::minmax(metric.values);
      metrics.push_back(json::object{{"name", metric.name},
                                     {"unit", metric.unit},
                                     {"median", median(metric.values)},
                                     {"min", min},
                                     {"max", max},
                                     {"values", json::array(metric.values.begin(), metric.values.end())}});
    }
    workloads.push_back(json::object{{"workload", report.workload}, {"metrics", std::move(metrics)}});
  }
  return json::serialize(json::object{{"workloads", std::move(workloads)}}) + "\n";
}

} // namespace turnwise::bench
