#include "report/html/picture_json.h"

#include <algorithm>
#include <map>
#include <span>
#include <string>

#include "report/html/columns.h"
#include "report/json/values.h"

namespace ft::report::html {

namespace {

using namespace model;
using json::array_of;
using json::Json;
using json::or_null;

// The most frequent come first; those beyond are too narrow to be seen.
constexpr std::size_t kMostStacks = 10'000;
// A page with the moments of more samples would grow by more than a megabyte.
constexpr std::size_t kMostTimedSamples = 300'000;

constexpr auto kPlain = Coding::Plain;
constexpr auto kDeltas = Coding::Deltas;

// Empty is 0, a moment t is t + 1.
std::int64_t moment(const Known<Nanoseconds>& ts) {
  return ts ? std::max<Nanoseconds>(*ts, 0) + 1 : 0;
}

Json regions_of(const Picture& picture) {
  const std::vector<PictureRegion>& regions = picture.regions;
  using Region = PictureRegion;
  Table table(regions.size());
  table.add("page", regions, kDeltas, [](const Region& r) { return r.start >> kPageShift; });
  table.add("pages", regions, kPlain, [](const Region& r) { return r.size >> kPageShift; });
  table.add("from", regions, kDeltas, [](const Region& r) { return r.from_ts; });
  table.add("to", regions, kPlain, [](const Region& r) { return moment(r.to_ts); });
  table.add("owner", regions, kPlain, [](const Region& r) { return r.owner; });
  table.add("rights", regions, kPlain, [](const Region& r) { return r.rights; });
  table.add("committed", regions, kPlain, [](const Region& r) { return r.committed ? 1 : 0; });
  table.add("file", regions, kPlain, [](const Region& r) { return r.file + 1; });
  table.add("call", regions, kPlain, [](const Region& r) { return r.call; });
  return table.json();
}

Json cells_of(const Picture& picture) {
  const std::vector<TouchCell>& cells = picture.cells;
  using Cell = TouchCell;
  Table table(cells.size());
  table.add("ts", cells, kDeltas, [](const Cell& c) { return c.ts; });
  table.add("until", cells, kPlain, [](const Cell& c) { return moment(c.until); });
  table.add("ns", cells, kPlain, [](const Cell& c) { return c.total_ns; });
  // Of a single fault the longest is the sum: 0 says so.
  table.add("max", cells, kPlain, [](const Cell& c) { return c.faults > 1 ? c.max_ns : 0; });
  table.add("page", cells, kDeltas, [](const Cell& c) { return c.start >> kPageShift; });
  table.add("pages", cells, kPlain, [](const Cell& c) { return c.pages; });
  table.add("faults", cells, kPlain, [](const Cell& c) { return c.faults; });
  table.add("thread", cells, kPlain, [](const Cell& c) { return c.thread; });
  table.add("owner", cells, kPlain, [](const Cell& c) { return c.owner; });
  table.add("order", cells, kPlain, [](const Cell& c) { return c.order; });
  table.add("kind", cells, kPlain, [](const Cell& c) { return c.kind; });
  table.add("subject", cells, kPlain, [](const Cell& c) { return c.of_subject ? 1 : 0; });
  return table.json();
}

Json calls_of(const Picture& picture) {
  const std::vector<PictureCall>& calls = picture.calls;
  using Call = PictureCall;
  Table table(calls.size());
  table.add("id", calls, kDeltas, [](const Call& c) { return c.id; });
  table.add("ts", calls, kDeltas, [](const Call& c) { return c.ts; });
  table.add("dur", calls, kPlain, [](const Call& c) { return moment(c.dur_ns); });
  table.add("net", calls, kDeltas, [](const Call& c) { return c.net_ns; });
  table.add("thread", calls, kPlain, [](const Call& c) { return c.thread; });
  table.add("owner", calls, kPlain, [](const Call& c) { return c.owner; });
  table.add("stage", calls, kPlain, [](const Call& c) { return c.stage; });
  table.add("failed", calls, kPlain, [](const Call& c) { return c.failed ? 1 : 0; });
  table.add("page", calls, kDeltas, [](const Call& c) { return c.address >> kPageShift; });
  Json json = table.json();
  json["names"] = array_of(calls, [](const Call& c) { return Json(c.name); });
  json["words"] = array_of(calls, [](const Call& c) { return Json(c.words); });
  return json;
}

Json counts_of(const Known<TimeCounts>& counts) {
  if (!counts) return nullptr;
  using Entry = TimeCounts::Entry;
  Table table(counts->entries.size());
  table.add("bin", counts->entries, kDeltas, [](const Entry& e) { return e.bin; });
  table.add("row", counts->entries, kPlain, [](const Entry& e) { return e.row; });
  table.add("count", counts->entries, kPlain, [](const Entry& e) { return e.count; });
  return {{"bin_ns", counts->bin_ns}, {"rows", Json(counts->rows)}, {"entries", table.json()}};
}

Json events_of(const Picture& picture) {
  return array_of(picture.events, [](const PictureEvent& event) {
    return Json{{"ts", event.ts},     {"dur_ns", event.dur_ns}, {"thread", event.thread},
                {"kind", event.kind}, {"value", event.value},   {"detail", event.detail}};
  });
}

Json tables_of(const Picture& picture) {
  if (!picture.tables) return nullptr;
  return array_of(*picture.tables, [](const PageDirectory& directory) {
    return Json{{"gib", directory.start >> 30U},
                {"parts", array_of(directory.parts, [](const PageDirectory::Part& part) {
                   return Json{{"owner", part.owner},
                               {"pte_tables", part.pte_tables},
                               {"pages", part.pages},
                               {"huge", part.huge}};
                 })}};
  });
}

Json stages_of(const Picture& picture) {
  return array_of(picture.stages, [](const Stage& stage) {
    return Json{{"name", stage.name},
                {"words", stage.words},
                {"count", stage.count},
                {"ns", or_null(stage.ns)},
                {"bytes", stage.bytes}};
  });
}

Json narrated_of(const Picture& picture) {
  return array_of(picture.narrated, [](const NarratedCall& call) {
    return Json{{"id", call.id}, {"steps", array_of(call.steps, [](const PathStep& step) {
                                    return Json{{"function", step.function}, {"text", step.text}};
                                  })}};
  });
}

// When the samples of these stacks were taken; null where they are too many.
Json sample_times_of(std::span<const SampledStack> stacks) {
  constexpr Nanoseconds kMicrosecond = 1000;
  std::vector<std::int64_t> numbers;
  std::vector<std::int64_t> microseconds;
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    std::vector<Nanoseconds> times = stacks[i].at;
    std::ranges::sort(times);
    if (numbers.size() + times.size() > kMostTimedSamples) return nullptr;
    for (const Nanoseconds ts : times) {
      numbers.push_back(static_cast<std::int64_t>(i));
      microseconds.push_back(ts / kMicrosecond);
    }
  }
  Table table(numbers.size());
  table.add("stack", numbers, kPlain);
  table.add("us", microseconds, kDeltas);
  return table.json();
}

}  // namespace

nlohmann::ordered_json flame_of(const std::vector<SampledStack>& sampled) {
  std::map<std::string, std::size_t> numbers;
  Json names = Json::array();
  Json stacks = Json::array();
  Count left_out = 0;
  for (const SampledStack& stack : sampled) {
    if (stacks.size() >= kMostStacks) {
      left_out += stack.count;
      continue;
    }
    Json frames = Json::array();
    for (const std::string& frame : stack.frames) {
      const auto [it, added] = numbers.try_emplace(frame, names.size());
      if (added) names.push_back(frame);
      frames.push_back(it->second);
    }
    stacks.push_back({{"frames", std::move(frames)},
                      {"kernel_from", stack.kernel_from},
                      {"stage", stack.stage},
                      {"count", stack.count}});
  }
  const std::size_t shown = stacks.size();
  return {{"names", std::move(names)},
          {"stacks", std::move(stacks)},
          {"samples", sample_times_of(std::span(sampled).first(shown))},
          {"left_out", left_out}};
}

nlohmann::ordered_json json_of(const Picture& picture) {
  Json root;
  root["end_ns"] = picture.end_ns;
  root["owners"] = array_of(picture.owners, [](const PictureOwner& owner) {
    return Json{
        {"subsystem", owner.subsystem}, {"detail", owner.detail}, {"evidence", owner.evidence}};
  });
  root["threads"] = array_of(picture.threads, [](const PictureThread& thread) {
    return Json{{"tid", thread.tid},
                {"pid", thread.pid},
                {"name", thread.name},
                {"start_ns", thread.start_ns},
                {"end_ns", or_null(thread.end_ns)}};
  });
  root["files"] = Json(picture.files);
  root["fault_kinds"] = Json(picture.fault_kinds);
  root["regions"] = regions_of(picture);
  root["regions_left_out"] = picture.regions_left_out;
  root["cells"] = cells_of(picture);
  root["cell_ns"] = picture.cell_ns;
  root["cell_order"] = picture.cell_order;
  root["calls"] = calls_of(picture);
  root["calls_left_out"] = picture.calls_left_out;
  root["stages"] = stages_of(picture);
  root["narrated"] = narrated_of(picture);
  root["not_narrated"] = picture.not_narrated;
  root["latency"] = counts_of(picture.latency);
  root["latency_steps"] = kLatencySteps;
  root["allocations"] = counts_of(picture.allocations);
  root["flushes"] = counts_of(picture.flushes);
  root["events"] = events_of(picture);
  root["events_left_out"] = picture.events_left_out;
  root["tables"] = tables_of(picture);
  root["free_lists"] = array_of(picture.free_lists, [](const FreeList& list) {
    return Json{{"moment", list.moment},
                {"ts", list.ts},
                {"node", list.node},
                {"zone", list.zone},
                {"blocks_by_order", Json(list.blocks_by_order)}};
  });
  root["placement"] = array_of(picture.placement, [](const NodePlacement& placement) {
    return Json{{"subsystem", placement.subsystem},
                {"nodes", array_of(placement.bytes_by_node, [](const auto& node) {
                   return Json{{"node", node.first}, {"bytes", node.second}};
                 })}};
  });
  root["missing"] = array_of(picture.missing, [](const Missing& missing) {
    return Json{{"what", missing.what}, {"why", missing.why}};
  });
  return root;
}

}  // namespace ft::report::html
