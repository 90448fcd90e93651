// The SQL tables whose rows are in memory: what a Trace holds, and the regions of a lookup.
#include <algorithm>
#include <array>

#include "event/syscall_table.h"
#include "recording/sql_table.h"

namespace ft::recording {

namespace {

using event::SyscallShape;

constexpr std::string_view kInteger = "INTEGER";
constexpr std::string_view kText = "TEXT";

// A row of a list in the trace, by its place there.
struct ListRow {
  std::size_t index;
};

std::vector<ListRow> all_rows(std::size_t count) {
  std::vector<ListRow> rows(count);
  for (std::size_t i = 0; i < count; ++i) rows[i].index = i;
  return rows;
}

// The rows of a list sorted by ts that lie within the scan.
template <typename Item, typename Ts>
std::vector<ListRow> rows_in(const std::vector<Item>& items, const Scan& scan, Ts ts) {
  const auto first = std::ranges::lower_bound(items, scan.from_ts, {}, ts);
  const auto last = std::ranges::upper_bound(first, items.end(), scan.to_ts, {}, ts);
  std::vector<ListRow> rows;
  for (auto it = first; it < last; ++it) {
    rows.push_back({static_cast<std::size_t>(it - items.begin())});
  }
  return rows;
}

// The rows whose key is the scan's, all without one.
template <typename Item, typename Key>
std::vector<ListRow> rows_of_key(const std::vector<Item>& items, const Scan& scan, Key key) {
  if (!scan.key) return all_rows(items.size());
  std::vector<ListRow> rows;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (std::invoke(key, items[i]) == *scan.key) rows.push_back({i});
  }
  return rows;
}

// ---- syscall ----

const event::Syscall& call_of(const ListRow& row, const SqlContext& context) {
  return context.trace.syscalls[row.index];
}

const std::uint64_t* argument_of(const event::Syscall& call, std::int8_t SyscallShape::* position) {
  const SyscallShape* shape = event::find_shape(call.number);
  if (shape == nullptr || shape->*position < 0) return nullptr;
  return &call.args[static_cast<std::uint8_t>(shape->*position)];
}

template <std::int8_t SyscallShape::* kPosition>
void give_argument(Cell cell, const ListRow& row, const SqlContext& context) {
  if (const auto* argument = argument_of(call_of(row, context), kPosition)) cell.bits(*argument);
}

void give_fd(Cell cell, const ListRow& row, const SqlContext& context) {
  const auto* argument = argument_of(call_of(row, context), &SyscallShape::fd);
  if (argument != nullptr) cell.integer(static_cast<std::int32_t>(*argument));
}

void give_file(Cell cell, const ListRow& row, const SqlContext& context) {
  const event::FileId file = call_of(row, context).file;
  if (file != event::kNoFile) cell.text(context.trace.files[static_cast<std::size_t>(file)].path);
}

constexpr SqlColumn<ListRow> kSyscallColumns[] = {
    {"id", kInteger,
     [](Cell cell, const ListRow& row, const SqlContext&) { cell.bits(row.index + 1); }},
    {"ts", kInteger,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       cell.integer(call_of(row, context).ts);
     }},
    {"dur", kInteger,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       cell.integer_unless_open(call_of(row, context).dur);
     }},
    {"tid", kInteger,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       cell.integer(call_of(row, context).tid);
     }},
    {"name", kText,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       cell.text(event::name_of(call_of(row, context).number));
     }},
    {"addr", kInteger, give_argument<&SyscallShape::addr>},
    {"length", kInteger, give_argument<&SyscallShape::length>},
    {"prot", kInteger, give_argument<&SyscallShape::prot>},
    {"flags", kInteger, give_argument<&SyscallShape::flags>},
    {"fd", kInteger, give_fd},
    {"offset", kInteger, give_argument<&SyscallShape::offset>},
    {"ret", kInteger,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       const event::Syscall& call = call_of(row, context);
       if (call.finished) cell.integer(call.ret);
     }},
    {"stack_id", kInteger,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       cell.integer_unless_open(call_of(row, context).stack);
     }},
    {"subsystem", kText,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       if (context.lookup != nullptr) {
         cell.text_if_any(context.lookup->subsystem_of_syscall(row.index));
       }
     }},
    {"pid", kInteger,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       cell.integer(call_of(row, context).pid);
     }},
    {"finished", kInteger,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       cell.integer(call_of(row, context).finished ? 1 : 0);
     }},
    {"file", kText, give_file},
};

NextRows<ListRow> begin_syscalls(const SqlContext& context, const Scan& scan) {
  if (!scan.key) {
    return all_at_once(rows_in(context.trace.syscalls, scan, &event::Syscall::ts));
  }
  const auto count = static_cast<std::int64_t>(context.trace.syscalls.size());
  if (*scan.key < 1 || *scan.key > count) return all_at_once(std::vector<ListRow>());
  return all_at_once(std::vector<ListRow>{{static_cast<std::size_t>(*scan.key - 1)}});
}

constexpr SqlTable<ListRow> kSyscallTable{
    .name = "syscall",
    .columns = kSyscallColumns,
    .begin = begin_syscalls,
    .row_count = [](const SqlContext& c) { return static_cast<double>(c.trace.syscalls.size()); },
    .ts_column = "ts",
    .key_column = "id"};

// ---- thread, process, phase, loss, file ----

template <typename Item, std::vector<Item> event::Trace::* kList, auto kMember>
void give_integer(Cell cell, const ListRow& row, const SqlContext& context) {
  cell.integer(static_cast<std::int64_t>((context.trace.*kList)[row.index].*kMember));
}
template <typename Item, std::vector<Item> event::Trace::* kList, auto kMember>
void give_open_end(Cell cell, const ListRow& row, const SqlContext& context) {
  cell.integer_unless_open((context.trace.*kList)[row.index].*kMember);
}
template <typename Item, std::vector<Item> event::Trace::* kList, auto kMember>
void give_text(Cell cell, const ListRow& row, const SqlContext& context) {
  cell.text((context.trace.*kList)[row.index].*kMember);
}
template <typename Item, std::vector<Item> event::Trace::* kList>
double count_of(const SqlContext& context) {
  return static_cast<double>((context.trace.*kList).size());
}

using event::Trace;

template <auto kMember>
constexpr auto kThreadInteger = give_integer<event::Thread, &Trace::threads, kMember>;

constexpr SqlColumn<ListRow> kThreadColumns[] = {
    {"tid", kInteger, kThreadInteger<&event::Thread::tid>},
    {"pid", kInteger, kThreadInteger<&event::Thread::pid>},
    {"name", kText, give_text<event::Thread, &Trace::threads, &event::Thread::name>},
    {"start_ts", kInteger, kThreadInteger<&event::Thread::start_ts>},
    {"end_ts", kInteger, give_open_end<event::Thread, &Trace::threads, &event::Thread::end_ts>},
};

constexpr SqlTable<ListRow> kThreadTable{
    .name = "thread",
    .columns = kThreadColumns,
    .begin =
        [](const SqlContext& context, const Scan& scan) {
          return all_at_once(rows_of_key(context.trace.threads, scan, &event::Thread::tid));
        },
    .row_count = count_of<event::Thread, &Trace::threads>,
    .key_column = "tid"};

template <auto kMember>
constexpr auto kProcessInteger = give_integer<event::Process, &Trace::processes, kMember>;
template <auto kMember>
constexpr auto kProcessOpenEnd = give_open_end<event::Process, &Trace::processes, kMember>;

// Words that hold blanks or are empty are shown in quotes, so that they can be told apart.
std::string command_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    const bool plain = !word.empty() && word.find_first_of(" \t\n'\"\\") == std::string::npos;
    if (plain) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) {
      if (c == '\'')
        line += "'\\''";
      else
        line += c;
    }
    line += '\'';
  }
  return line;
}

constexpr SqlColumn<ListRow> kProcessColumns[] = {
    {"pid", kInteger, kProcessInteger<&event::Process::pid>},
    {"parent", kInteger, kProcessInteger<&event::Process::parent>},
    {"start_ts", kInteger, kProcessInteger<&event::Process::start_ts>},
    {"exec_ts", kInteger, kProcessOpenEnd<&event::Process::exec_ts>},
    {"end_ts", kInteger, kProcessOpenEnd<&event::Process::end_ts>},
    {"wait_status", kInteger,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       const event::Process& process = context.trace.processes[row.index];
       if (process.end_ts != event::kStillThere) cell.integer(process.wait_status);
     }},
    {"executable", kText,
     give_text<event::Process, &Trace::processes, &event::Process::executable>},
    {"command", kText,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       cell.text(command_line(context.trace.processes[row.index].command));
     }},
    {"present_at_start", kInteger, kProcessInteger<&event::Process::present_at_start>},
};

constexpr SqlTable<ListRow> kProcessTable{
    .name = "process",
    .columns = kProcessColumns,
    .begin =
        [](const SqlContext& context, const Scan& scan) {
          return all_at_once(rows_of_key(context.trace.processes, scan, &event::Process::pid));
        },
    .row_count = count_of<event::Process, &Trace::processes>,
    .key_column = "pid"};

constexpr SqlColumn<ListRow> kPhaseColumns[] = {
    {"name", kText, give_text<event::Phase, &Trace::phases, &event::Phase::name>},
    {"start_ts", kInteger, give_integer<event::Phase, &Trace::phases, &event::Phase::start_ts>},
    {"end_ts", kInteger, give_open_end<event::Phase, &Trace::phases, &event::Phase::end_ts>},
};

constexpr SqlTable<ListRow> kPhaseTable{
    .name = "phase",
    .columns = kPhaseColumns,
    .begin = [](const SqlContext& context,
                const Scan&) { return all_at_once(all_rows(context.trace.phases.size())); },
    .row_count = count_of<event::Phase, &Trace::phases>};

std::string_view name_of(event::LossSeverity severity) {
  constexpr std::array<std::string_view, 3> kNames = {"info", "notice", "data loss"};
  return kNames[static_cast<std::size_t>(severity)];
}

constexpr SqlColumn<ListRow> kLossColumns[] = {
    {"kind", kText, give_text<event::Loss, &Trace::losses, &event::Loss::kind>},
    {"count", kInteger, give_integer<event::Loss, &Trace::losses, &event::Loss::count>},
    {"severity", kText,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       cell.text(name_of(context.trace.losses[row.index].severity));
     }},
    {"meaning", kText, give_text<event::Loss, &Trace::losses, &event::Loss::meaning>},
};

constexpr SqlTable<ListRow> kLossTable{
    .name = "loss",
    .columns = kLossColumns,
    .begin = [](const SqlContext& context,
                const Scan&) { return all_at_once(all_rows(context.trace.losses.size())); },
    .row_count = count_of<event::Loss, &Trace::losses>};

constexpr SqlColumn<ListRow> kFileColumns[] = {
    {"id", kInteger,
     [](Cell cell, const ListRow& row, const SqlContext&) { cell.bits(row.index); }},
    {"path", kText, give_text<event::File, &Trace::files, &event::File::path>},
    {"device", kInteger, give_integer<event::File, &Trace::files, &event::File::device>},
    {"inode", kInteger, give_integer<event::File, &Trace::files, &event::File::inode>},
};

constexpr SqlTable<ListRow> kFileTable{
    .name = "file",
    .columns = kFileColumns,
    .begin = [](const SqlContext& context,
                const Scan&) { return all_at_once(all_rows(context.trace.files.size())); },
    .row_count = count_of<event::File, &Trace::files>};

// ---- mm_event ----

std::string_view name_of(event::MmEventKind kind) {
  constexpr std::array<std::string_view, 10> kNames = {
      "direct reclaim", "kswapd wake", "compaction",    "oom victim",   "mmap_lock wait",
      "swap in",        "swap out",    "memcg reclaim", "thp collapse", "migration"};
  return kNames[static_cast<std::size_t>(kind)];
}

template <auto kMember>
constexpr auto kMmInteger = give_integer<event::MmEvent, &Trace::mm_events, kMember>;

constexpr SqlColumn<ListRow> kMmEventColumns[] = {
    {"ts", kInteger, kMmInteger<&event::MmEvent::ts>},
    {"dur", kInteger, kMmInteger<&event::MmEvent::dur>},
    {"tid", kInteger, kMmInteger<&event::MmEvent::tid>},
    {"kind", kText,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       cell.text(name_of(context.trace.mm_events[row.index].kind));
     }},
    {"value", kInteger, kMmInteger<&event::MmEvent::value>},
    {"detail", kInteger, kMmInteger<&event::MmEvent::detail>},
    {"pid", kInteger,
     [](Cell cell, const ListRow& row, const SqlContext& context) {
       const event::MmEvent& event = context.trace.mm_events[row.index];
       if (const auto pid = context.pids.pid_of(event.tid, event.ts)) cell.integer(*pid);
     }},
};

constexpr SqlTable<ListRow> kMmEventTable{
    .name = "mm_event",
    .columns = kMmEventColumns,
    .begin =
        [](const SqlContext& context, const Scan& scan) {
          return all_at_once(rows_in(context.trace.mm_events, scan, &event::MmEvent::ts));
        },
    .row_count = count_of<event::MmEvent, &Trace::mm_events>,
    .ts_column = "ts"};

// ---- meta ----

using MetaRow = std::pair<std::string_view, std::string_view>;

constexpr SqlColumn<MetaRow> kMetaColumns[] = {
    {"key", kText, [](Cell cell, const MetaRow& row, const SqlContext&) { cell.text(row.first); }},
    {"value", kText,
     [](Cell cell, const MetaRow& row, const SqlContext&) { cell.text(row.second); }},
};

constexpr SqlTable<MetaRow> kMetaTable{
    .name = "meta",
    .columns = kMetaColumns,
    .begin =
        [](const SqlContext& context, const Scan&) {
          return all_at_once(
              std::vector<MetaRow>(context.trace.meta.begin(), context.trace.meta.end()));
        },
    .row_count = [](const SqlContext& c) { return static_cast<double>(c.trace.meta.size()); }};

// ---- stack_frame ----

struct FrameRow {
  std::size_t stack;
  std::size_t depth;
};

const event::Frame& frame_of(const FrameRow& row, const SqlContext& context) {
  return context.trace.stacks[row.stack].frames[row.depth];
}

void add_frames(const SqlContext& context, std::size_t stack, std::vector<FrameRow>& rows) {
  const std::size_t depth = context.trace.stacks[stack].frames.size();
  for (std::size_t i = 0; i < depth; ++i) rows.push_back({stack, i});
}

constexpr SqlColumn<FrameRow> kFrameColumns[] = {
    {"stack_id", kInteger,
     [](Cell cell, const FrameRow& row, const SqlContext&) { cell.bits(row.stack); }},
    {"depth", kInteger,
     [](Cell cell, const FrameRow& row, const SqlContext&) { cell.bits(row.depth); }},
    {"address", kInteger,
     [](Cell cell, const FrameRow& row, const SqlContext& context) {
       cell.bits(frame_of(row, context).address);
     }},
    {"symbol", kText,
     [](Cell cell, const FrameRow& row, const SqlContext& context) {
       cell.text_if_any(frame_of(row, context).symbol);
     }},
    {"module", kText,
     [](Cell cell, const FrameRow& row, const SqlContext& context) {
       cell.text_if_any(frame_of(row, context).module);
     }},
    {"module_offset", kInteger,
     [](Cell cell, const FrameRow& row, const SqlContext& context) {
       cell.bits(frame_of(row, context).module_offset);
     }},
};

NextRows<FrameRow> begin_frames(const SqlContext& context, const Scan& scan) {
  const auto count = static_cast<std::int64_t>(context.trace.stacks.size());
  std::vector<FrameRow> rows;
  if (!scan.key) {
    for (std::size_t i = 0; i < context.trace.stacks.size(); ++i) add_frames(context, i, rows);
  } else if (*scan.key >= 0 && *scan.key < count) {
    add_frames(context, static_cast<std::size_t>(*scan.key), rows);
  }
  return all_at_once(std::move(rows));
}

constexpr SqlTable<FrameRow> kFrameTable{
    .name = "stack_frame",
    .columns = kFrameColumns,
    .begin = begin_frames,
    .row_count =
        [](const SqlContext& c) { return 20.0 * static_cast<double>(c.trace.stacks.size()); },
    .key_column = "stack_id"};

// ---- region ----

constexpr SqlColumn<RegionRow> kRegionColumns[] = {
    {"start", kInteger,
     [](Cell cell, const RegionRow& row, const SqlContext&) { cell.bits(row.range.start); }},
    {"end", kInteger,
     [](Cell cell, const RegionRow& row, const SqlContext&) { cell.bits(row.range.end); }},
    {"from_ts", kInteger,
     [](Cell cell, const RegionRow& row, const SqlContext&) { cell.integer(row.from_ts); }},
    {"to_ts", kInteger,
     [](Cell cell, const RegionRow& row, const SqlContext&) {
       cell.integer_unless_open(row.to_ts);
     }},
    {"prot", kInteger,
     [](Cell cell, const RegionRow& row, const SqlContext&) { cell.integer(row.prot); }},
    {"subsystem", kText,
     [](Cell cell, const RegionRow& row, const SqlContext&) { cell.text(row.subsystem); }},
    {"evidence", kText,
     [](Cell cell, const RegionRow& row, const SqlContext&) { cell.text(row.evidence); }},
    {"pid", kInteger,
     [](Cell cell, const RegionRow& row, const SqlContext&) { cell.integer(row.pid); }},
    {"detail", kText,
     [](Cell cell, const RegionRow& row, const SqlContext&) { cell.text_if_any(row.detail); }},
    {"committed", kInteger,
     [](Cell cell, const RegionRow& row, const SqlContext&) {
       cell.integer(row.committed ? 1 : 0);
     }},
    {"file", kText,
     [](Cell cell, const RegionRow& row, const SqlContext& context) {
       if (row.file == event::kNoFile) return;
       cell.text(context.trace.files[static_cast<std::size_t>(row.file)].path);
     }},
};

NextRows<RegionRow> begin_regions(const SqlContext& context, const Scan&) {
  std::vector<RegionRow> rows;
  if (const SubsystemLookup* lookup = context.lookup) {
    rows.reserve(lookup->region_count());
    for (std::size_t i = 0; i < lookup->region_count(); ++i) rows.push_back(lookup->region(i));
  }
  return all_at_once(std::move(rows));
}

constexpr SqlTable<RegionRow> kRegionTable{
    .name = "region",
    .columns = kRegionColumns,
    .begin = begin_regions,
    .row_count = [](const SqlContext& c) { return static_cast<double>(c.trace.syscalls.size()); }};

}  // namespace

std::vector<TableDefinition> trace_tables(const SqlContext& context) {
  return {define(kSyscallTable, context), define(kThreadTable, context),
          define(kProcessTable, context), define(kPhaseTable, context),
          define(kLossTable, context),    define(kFileTable, context),
          define(kMmEventTable, context), define(kMetaTable, context),
          define(kFrameTable, context),   define(kRegionTable, context)};
}

}  // namespace ft::recording
