// The contract of the HTTP API as tests read it: its operations, and a check of a JSON value against a schema of it. Knows
// those words of JSON Schema that docs/openapi.json uses.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace turnwise::test {

using Object = boost::json::object;
using Value = boost::json::value;

struct Operation {
  std::string method; ///< in capitals
  std::string path;   ///< with {…}
  const Object* members{};
};

class Contract {
public:
  explicit Contract(std::string_view text);

  [[nodiscard]] std::vector<Operation> operations() const;
  /// What the value stands for when it is a {"$ref": …}.
  [[nodiscard]] const Object& resolved(const Value& value) const;
  [[nodiscard]] const Object& component(std::string_view kind, std::string_view name) const;

  /// Target and header fields that the examples of the operation's parameters make.
  [[nodiscard]] std::string target(const Operation& operation) const;
  [[nodiscard]] std::string fields(const Operation& operation) const;
  /// Examples of its body; one null when it has none.
  [[nodiscard]] std::vector<Value> bodies(const Operation& operation) const;
  /// The schema of its body, or null.
  [[nodiscard]] const Object* body_schema(const Operation& operation) const;
  /// The documented answer of this status, or null.
  [[nodiscard]] const Object* response(const Operation& operation, int status) const;
  /// The schema of an answer, or null when it has none of this type.
  [[nodiscard]] const Object* schema(const Object& response, std::string_view content_type) const;

  /// One sentence per fault. A member that the schema does not name is one, also where clients would have to take it.
  std::vector<std::string> faults(const Object& schema, const Value& value, const std::string& pointer = "");
  /// Calls `visit` with every object of `value` that may have no other members than its schema names, and with that schema.
  void each_closed(const Object& schema, Value& value, const std::function<void(const Object&, Object&)>& visit) const;

  /// Members of named schemas that no value had so far, as "Schema.member".
  [[nodiscard]] std::vector<std::string> unseen() const;

private:
  void check_object(const Object& schema, const Object& value, const std::string& pointer, std::vector<std::string>& found);

  Value document_;
  std::set<std::pair<const Object*, std::string>> seen_;
};

} // namespace turnwise::test
