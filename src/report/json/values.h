// Values of the report model as JSON: what is not known is null, never zero.
#pragma once

#include <nlohmann/json.hpp>

#include "report/model/report.h"

namespace ft::report::json {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const model::Known<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <typename Items, typename Value>
Json array_of(const Items& items, Value value) {
  Json array = Json::array();
  for (const auto& item : items) array.push_back(value(item));
  return array;
}

}  // namespace ft::report::json
