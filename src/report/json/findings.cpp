#include "report/json/findings.h"

#include <algorithm>

namespace ft::report::json {

nlohmann::ordered_json findings_of(const std::vector<model::Finding>& findings) {
  using Json = nlohmann::ordered_json;
  Json array = Json::array();
  for (const model::Finding& finding : findings) {
    std::string state(model::name_of(finding.state));
    std::ranges::replace(state, ' ', '_');
    Json numbers = Json::object();
    for (const auto& [name, number] : finding.numbers) numbers[name] = number;
    array.push_back({{"name", finding.name},
                     {"state", state},
                     {"words", finding.words},
                     {"advice", finding.advice},
                     {"numbers", std::move(numbers)},
                     {"missing", Json(finding.missing)}});
  }
  return array;
}

}  // namespace ft::report::json
