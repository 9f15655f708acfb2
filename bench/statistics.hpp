// Numbers and how they are shown.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace turnwise::bench {

/// The value below which `fraction` of the values lie (nearest rank); 0 when there are none. Sorts `values`.
double percentile(std::vector<double>& values, double fraction);

/// Middle value; the mean of the two middle ones when there is an even number. 0 when there are none.
double median(std::vector<double> values);

/// One measured quantity of a workload, once per run.
struct Metric {
  std::string name;
  std::string unit;
  std::vector<double> values;
};

/// All that was measured of one workload.
class Measurements {
public:
  /// Adds the value of one run; metrics keep the order of their first values.
  void add(const std::string& name, const std::string& unit, double value);
  [[nodiscard]] const std::vector<Metric>& metrics() const { return metrics_; }

private:
  std::vector<Metric> metrics_;
};

struct Report {
  std::string workload;
  Measurements measurements;
};

/// For people: a table with median, minimum and maximum.
std::string as_table(const std::vector<Report>& reports);
/// For programs: every single value.
std::string as_json(const std::vector<Report>& reports);

/// 1234567 → "1,234,567"; small numbers keep as many decimals as matter.
std::string readable(double value);

} // namespace turnwise::bench
