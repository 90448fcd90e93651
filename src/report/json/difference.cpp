#include "report/json/difference.h"

#include "report/json/values.h"

namespace ft::report::json {

namespace {

constexpr bool kAsciiOnly = true;

Json spread_of(const model::Spread& spread) {
  if (spread.runs == 0) return nullptr;
  return {{"median", spread.median},
          {"least", spread.least},
          {"most", spread.most},
          {"runs", spread.runs}};
}

Json row_of(const model::DifferenceRow& row) {
  const bool known = row.verdict != model::Verdict::Unknown;
  Json share = nullptr;
  if (known && row.before.median != 0) {
    share = static_cast<double>(row.change) / static_cast<double>(row.before.median);
  }
  return {{"group", row.group},
          {"figure", row.figure},
          {"unit", row.unit},
          {"before", spread_of(row.before)},
          {"after", spread_of(row.after)},
          {"change", known ? Json(row.change) : Json(nullptr)},
          {"share", std::move(share)},
          {"verdict", model::name_of(row.verdict)}};
}

}  // namespace

std::string render(const model::Difference& difference, Layout layout) {
  const Json document = {{"format", 1},
                         {"before", difference.before},
                         {"after", difference.after},
                         {"settings", array_of(difference.settings,
                                               [](const model::Setting& setting) {
                                                 return Json{{"name", setting.name},
                                                             {"before", setting.before},
                                                             {"after", setting.after}};
                                               })},
                         {"chance", difference.chance},
                         {"rows", array_of(difference.rows, row_of)},
                         {"warnings", difference.warnings}};
  return document.dump(indent_of(layout), ' ', kAsciiOnly, Json::error_handler_t::replace) + "\n";
}

}  // namespace ft::report::json
