#include "report/html/html.h"

#include "base/check.h"
#include "report/html/page.h"
#include "report/html/picture_json.h"
#include "report/json/difference.h"
#include "report/json/json.h"

namespace ft::report::html {

namespace {

constexpr bool kAsciiOnly = true;

// JSON as it may stand in a <script>: '<' can only be inside of strings, where its escape means the
// same.
void append_escaped(std::string& to, std::string_view json) {
  for (const char c : json) {
    if (c == '<')
      to += "\\u003c";
    else
      to += c;
  }
}

std::string dumped(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', kAsciiOnly, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

std::string render(std::span<const Recorded> recordings, const model::Difference* difference) {
  const std::string_view whole = page();
  const std::size_t mark = whole.find(kDataMark);
  FT_CHECK(mark != std::string_view::npos);
  std::string out(whole.substr(0, mark));
  out += "{\"format\":1,\"recordings\":[";
  for (std::size_t i = 0; i < recordings.size(); ++i) {
    if (i > 0) out += ',';
    out += "{\"name\":";
    append_escaped(out, dumped(recordings[i].name));
    out += ",\"report\":";
    append_escaped(out, json::render(recordings[i].report, json::Layout::Line));
    out += ",\"picture\":";
    append_escaped(out, dumped(json_of(recordings[i].picture)));
    out += ",\"flame\":";
    append_escaped(out, dumped(flame_of(recordings[i].report.sampled_stacks)));
    out += '}';
  }
  out += "],\"difference\":";
  append_escaped(out,
                 difference == nullptr ? "null" : json::render(*difference, json::Layout::Line));
  out += '}';
  out += whole.substr(mark + kDataMark.size());
  return out;
}

}  // namespace ft::report::html
