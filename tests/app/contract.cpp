#include "contract.hpp"

#include <algorithm>
#include <regex>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace turnwise::test {
namespace {

std::string text_of(const boost::json::string& text) {
  return {text.data(), text.size()};
}

std::string key_of(const boost::json::key_value_pair& member) {
  return {member.key().data(), member.key().size()};
}

bool has_type(std::string_view type, const Value& value) {
  if (type == "object") {
    return value.is_object();
  }
  if (type == "array") {
    return value.is_array();
  }
  if (type == "string") {
    return value.is_string();
  }
  if (type == "boolean") {
    return value.is_bool();
  }
  if (type == "null") {
    return value.is_null();
  }
  if (type == "integer") {
    return value.is_int64() || value.is_uint64();
  }
  return type == "number" && value.is_number();
}

} // namespace

Contract::Contract(std::string_view text) : document_(boost::json::parse({text.data(), text.size()})) {}

std::vector<Operation> Contract::operations() const {
  std::vector<Operation> all;
  for (const auto& path : document_.at("paths").as_object()) {
    for (const auto& method : path.value().as_object()) {
      std::string name = key_of(method);
      std::ranges::transform(name, name.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
      all.push_back({name, key_of(path), &method.value().as_object()});
    }
  }
  return all;
}

const Object& Contract::resolved(const Value& value) const {
  const auto* reference = value.as_object().if_contains("$ref");
  if (reference == nullptr) {
    return value.as_object();
  }
  return resolved(document_.at_pointer(reference->as_string().subview(1))); // without the # in front
}

const Object& Contract::component(std::string_view kind, std::string_view name) const {
  return resolved(document_.at_pointer(fmt::format("/components/{}/{}", kind, name)));
}

std::string Contract::target(const Operation& operation) const {
  std::string target = operation.path;
  std::string query;
  if (const auto* parameters = operation.members->if_contains("parameters")) {
    for (const auto& item : parameters->as_array()) {
      const Object& parameter = resolved(item);
      const auto name = text_of(parameter.at("name").as_string());
      const auto& example = parameter.at("example");
      const auto value = example.is_string() ? text_of(example.as_string()) : boost::json::serialize(example);
      if (parameter.at("in") == "path") {
        target.replace(target.find('{'), name.size() + 2, value);
      } else if (parameter.at("in") == "query") {
        query += fmt::format("{}{}={}", query.empty() ? "?" : "&", name, value);
      }
    }
  }
  return target + query;
}

std::string Contract::fields(const Operation& operation) const {
  std::string fields;
  if (const auto* parameters = operation.members->if_contains("parameters")) {
    for (const auto& item : parameters->as_array()) {
      const Object& parameter = resolved(item);
      if (parameter.at("in") == "header") {
        fields +=
            fmt::format("{}: {}\r\n", text_of(parameter.at("name").as_string()), text_of(parameter.at("example").as_string()));
      }
    }
  }
  return fields;
}

const Object* Contract::body_schema(const Operation& operation) const {
  const auto* body = operation.members->if_contains("requestBody");
  return body == nullptr ? nullptr : schema(resolved(*body), "application/json");
}

std::vector<Value> Contract::bodies(const Operation& operation) const {
  const auto* body = operation.members->if_contains("requestBody");
  if (body == nullptr) {
    return {Value{}};
  }
  std::vector<Value> all;
  for (const auto& example : resolved(*body).at("content").at("application/json").at("examples").as_object()) {
    all.push_back(example.value().at("value"));
  }
  return all;
}

const Object* Contract::response(const Operation& operation, int status) const {
  const auto* found = operation.members->at("responses").as_object().if_contains(std::to_string(status));
  return found == nullptr ? nullptr : &resolved(*found);
}

const Object* Contract::schema(const Object& response, std::string_view content_type) const {
  const auto* found = response.at("content").as_object().if_contains({content_type.data(), content_type.size()});
  return found == nullptr ? nullptr : &resolved(found->at("schema"));
}

std::vector<std::string> Contract::faults(const Object& schema, const Value& value, const std::string& pointer) {
  std::vector<std::string> found;
  if (const auto* choices = schema.if_contains("anyOf")) {
    std::string all;
    for (const auto& choice : choices->as_array()) {
      const auto of_choice = faults(resolved(choice), value, pointer);
      if (of_choice.empty()) {
        return {};
      }
      all += of_choice.front() + "; ";
    }
    return {all};
  }
  if (const auto* type = schema.if_contains("type"); type != nullptr && !has_type(text_of(type->as_string()), value)) {
    found.push_back(fmt::format("{} is no {}", pointer, text_of(type->as_string())));
    return found;
  }
  if (const auto* words = schema.if_contains("enum")) {
    if (std::ranges::find(words->as_array(), value) == words->as_array().end()) {
      found.push_back(fmt::format("{} is none of its words: {}", pointer, boost::json::serialize(value)));
    }
  }
  if (const auto* pattern = schema.if_contains("pattern")) {
    if (!std::regex_match(text_of(value.as_string()), std::regex(text_of(pattern->as_string())))) {
      found.push_back(fmt::format("{} does not look like {}", pointer, text_of(pattern->as_string())));
    }
  }
  if (value.is_object()) {
    check_object(schema, value.get_object(), pointer, found);
  }
  if (const auto* items = schema.if_contains("items")) {
    for (std::size_t i = 0; i < value.as_array().size(); ++i) {
      std::ranges::move(faults(resolved(*items), value.get_array()[i], fmt::format("{}/{}", pointer, i)),
                        std::back_inserter(found));
    }
  }
  return found;
}

void Contract::check_object(const Object& schema, const Object& value, const std::string& pointer,
                            std::vector<std::string>& found) {
  if (const auto* required = schema.if_contains("required")) {
    for (const auto& name : required->as_array()) {
      if (!value.contains(name.as_string())) {
        found.push_back(fmt::format("{} lacks {}", pointer, text_of(name.as_string())));
      }
    }
  }
  const auto* properties = schema.if_contains("properties");
  if (properties == nullptr) {
    return; // anything goes
  }
  for (const auto& member : value) {
    const auto name = key_of(member);
    const auto* known = properties->as_object().if_contains(name);
    if (known == nullptr) {
      found.push_back(fmt::format("{}/{} is not documented", pointer, name));
      continue;
    }
    seen_.emplace(&schema, name);
    std::ranges::move(faults(resolved(*known), member.value(), fmt::format("{}/{}", pointer, name)), std::back_inserter(found));
  }
}

void Contract::each_closed(const Object& schema, Value& value, const std::function<void(const Object&, Object&)>& visit) const {
  if (value.is_array() && schema.contains("items")) {
    for (auto& item : value.get_array()) {
      each_closed(resolved(schema.at("items")), item, visit);
    }
  }
  if (!value.is_object() || !schema.contains("additionalProperties")) {
    return;
  }
  visit(schema, value.get_object());
  for (auto& member : value.get_object()) {
    each_closed(resolved(schema.at("properties").at(member.key())), member.value(), visit);
  }
}

std::vector<std::string> Contract::unseen() const {
  std::vector<std::string> all;
  for (const auto& named : document_.at("components").at("schemas").as_object()) {
    const Object& schema = named.value().as_object();
    if (!schema.contains("properties")) {
      continue;
    }
    for (const auto& member : schema.at("properties").as_object()) {
      if (!seen_.contains({&schema, key_of(member)})) {
        all.push_back(fmt::format("{}.{}", key_of(named), key_of(member)));
      }
    }
  }
  return all;
}

} // namespace turnwise::test
