#include "sim/profile/toml_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/byte_size.h"
#include "base/text.h"

namespace ft::sim::profile {

namespace {

std::string place_of(const std::string& file, const toml::source_region& region) {
  return fmt::format("{}:{}:{}", file, region.begin.line, region.begin.column);
}

std::string_view name_of(toml::node_type type) {
  switch (type) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "text";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a time";
    default:
      return "nothing";
  }
}

std::string range_text(std::uint64_t least, std::uint64_t most) {
  return fmt::format("allowed: {} to {}", least, most);
}

}  // namespace

std::optional<std::uint64_t> bytes_of(const toml::node& node) {
  if (const auto* integer = node.as_integer()) {
    return integer->get() < 0 ? std::nullopt
                              : std::optional(static_cast<std::uint64_t>(integer->get()));
  }
  if (const auto* text = node.as_string()) {
    std::string_view size = text->get();
    if (size.ends_with("iB")) size.remove_suffix(2);
    return parse_byte_size(size);
  }
  return std::nullopt;
}

const toml::node* TomlView::node(std::string_view key) {
  if (std::ranges::find(asked_, key) == asked_.end()) asked_.emplace_back(key);
  return table_->get(key);
}

std::string TomlView::full(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

std::unexpected<Error> TomlView::wrong_at(const toml::node& node, std::string_view key,
                                          std::string why, std::string allowed) const {
  return fail(place_of(file_, node.source()), fmt::format("{}: {}", printable(full(key)), why),
              std::move(allowed));
}

std::unexpected<Error> TomlView::wrong(std::string_view key, std::string why,
                                       std::string allowed) const {
  const toml::node* at = table_->get(key);
  return wrong_at(at ? *at : static_cast<const toml::node&>(*table_), key, std::move(why),
                  std::move(allowed));
}

std::unexpected<Error> TomlView::missing(std::string_view key, std::string allowed) const {
  return wrong_at(*table_, key, "it is missing", std::move(allowed));
}

std::unexpected<Error> TomlView::wrong_type(const toml::node& node, std::string_view key,
                                            std::string_view wanted) const {
  return wrong_at(node, key, fmt::format("{}, not {}", name_of(node.type()), wanted));
}

Result<std::optional<std::string>> TomlView::text(std::string_view key) {
  const toml::node* at = node(key);
  if (!at) return std::nullopt;
  const auto* value = at->as_string();
  if (!value) return wrong_type(*at, key, "text in quotes");
  return value->get();
}

Result<std::optional<bool>> TomlView::flag(std::string_view key) {
  const toml::node* at = node(key);
  if (!at) return std::nullopt;
  const auto* value = at->as_boolean();
  if (!value) return wrong_type(*at, key, "true or false");
  return value->get();
}

Result<std::optional<std::uint64_t>> TomlView::whole(std::string_view key, std::uint64_t least,
                                                     std::uint64_t most) {
  const toml::node* at = node(key);
  if (!at) return std::nullopt;
  const auto* value = at->as_integer();
  if (!value) return wrong_type(*at, key, "an integer");
  const std::int64_t number = value->get();
  if (number < 0 || static_cast<std::uint64_t>(number) < least ||
      static_cast<std::uint64_t>(number) > most) {
    return wrong_at(*at, key, fmt::format("{} is out of range", number), range_text(least, most));
  }
  return static_cast<std::uint64_t>(number);
}

Result<std::optional<double>> TomlView::number(std::string_view key, double least, double most) {
  const toml::node* at = node(key);
  if (!at) return std::nullopt;
  const auto value = at->value<double>();
  if (!value || !at->is_number()) return wrong_type(*at, key, "a number");
  if (!std::isfinite(*value) || *value < least || *value > most) {
    return wrong_at(*at, key, fmt::format("{} is out of range", *value),
                    fmt::format("allowed: {} to {}", least, most));
  }
  return *value;
}

Result<std::optional<std::uint64_t>> TomlView::bytes(std::string_view key, std::uint64_t least,
                                                     std::uint64_t most) {
  const toml::node* at = node(key);
  if (!at) return std::nullopt;
  const std::string allowed = fmt::format("allowed: {} to {}, as an integer or as \"16G\"",
                                          human_bytes(least), human_bytes(most));
  if (!at->is_integer() && !at->is_string()) return wrong_type(*at, key, "a size");
  const auto size = bytes_of(*at);
  if (!size) return wrong_at(*at, key, "it is no size", allowed);
  if (*size < least || *size > most) {
    return wrong_at(*at, key, fmt::format("{} bytes are out of range", *size), allowed);
  }
  return *size;
}

Result<std::optional<std::string>> TomlView::one_of(std::string_view key,
                                                    std::span<const std::string_view> allowed) {
  std::optional<std::string> value = FT_TRY(text(key));
  if (!value || std::ranges::find(allowed, *value) != allowed.end()) return value;
  return wrong(key, fmt::format("'{}' is no value of it", printable(*value)),
               fmt::format("allowed: {}", fmt::join(allowed, ", ")));
}

Result<std::optional<TomlView>> TomlView::table(std::string_view key) {
  const toml::node* at = node(key);
  if (!at) return std::nullopt;
  const toml::table* inner = at->as_table();
  if (!inner) return wrong_type(*at, key, "a table");
  return TomlView(*inner, file_, full(key));
}

Result<std::vector<TomlView>> TomlView::tables(std::string_view key) {
  std::vector<TomlView> views;
  const toml::node* at = node(key);
  if (!at) return views;
  const toml::array* array = at->as_array();
  if (!array) return wrong_type(*at, key, "an array of tables");
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::string path = fmt::format("{}[{}]", full(key), i);
    const toml::table* inner = (*array)[i].as_table();
    if (!inner) return wrong_type((*array)[i], fmt::format("{}[{}]", key, i), "a table");
    views.emplace_back(*inner, file_, path);
  }
  return views;
}

std::vector<std::string> TomlView::keys() const {
  std::vector<std::string> names;
  for (const auto& [key, value] : *table_) names.emplace_back(key.str());
  return names;
}

Result<void> TomlView::nothing_else() const {
  for (const auto& [key, value] : *table_) {
    if (std::ranges::find(asked_, key.str()) != asked_.end()) continue;
    return fail(place_of(file_, key.source()),
                fmt::format("{}: no such key", printable(full(key.str()))),
                fmt::format("allowed: {}", fmt::join(asked_, ", ")));
  }
  return {};
}

}  // namespace ft::sim::profile
