// The SQL tables whose rows are in chunks: decoded one chunk at a time, and only those that a
// query's ts bounds leave.
#include <algorithm>
#include <array>

#include "kernel/stage.h"
#include "recording/sql_table.h"

namespace ft::recording {

namespace {

constexpr std::string_view kInteger = "INTEGER";
constexpr std::string_view kText = "TEXT";

double events_of(const SqlContext& context, ChunkKind kind) {
  double count = 0;
  for (const ChunkInfo& chunk : context.reader.chunks()) {
    if (chunk.kind == kind) count += static_cast<double>(chunk.events);
  }
  return count;
}

// The events of one kind between the scan's ends, a chunk at a time.
template <typename Event>
class ChunkScan {
 public:
  ChunkScan(const SqlContext& context, ChunkKind kind, const Scan& scan)
      : reader_(&context.reader), kind_(kind), scan_(scan) {}

  Result<bool> operator()(std::vector<Event>& events) {
    const std::span<const ChunkInfo> chunks = reader_->chunks();
    for (; next_ < chunks.size(); ++next_) {
      const ChunkInfo& chunk = chunks[next_];
      if (chunk.kind != kind_ || chunk.max_ts < scan_.from_ts || chunk.min_ts > scan_.to_ts) {
        continue;
      }
      FT_TRY_VOID(reader_->load(chunk, events));
      ++next_;
      const auto first = std::ranges::lower_bound(events, scan_.from_ts, {}, &Event::ts);
      const auto last = std::ranges::upper_bound(events, scan_.to_ts, {}, &Event::ts);
      events.erase(last, events.end());
      events.erase(events.begin(), first);
      return true;
    }
    return false;
  }

 private:
  Reader* reader_;
  ChunkKind kind_;
  Scan scan_;
  std::size_t next_ = 0;
};

template <typename Event>
void give_pid(Cell cell, const Event& event, const SqlContext& context) {
  if (const auto pid = context.pids.pid_of(event.tid, event.ts)) cell.integer(*pid);
}

template <typename Event, auto kMember>
void give_integer(Cell cell, const Event& event, const SqlContext&) {
  cell.integer(static_cast<std::int64_t>(event.*kMember));
}

// ---- fault ----

using event::Fault;

std::string_view name_of(event::FaultKind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"minor", "major", "unfinished"};
  return kNames[static_cast<std::size_t>(kind)];
}

void give_fault_subsystem(Cell cell, const Fault& fault, const SqlContext& context) {
  const SubsystemLookup* lookup = context.lookup;
  const auto pid = context.pids.pid_of(fault.tid, fault.ts);
  if (lookup == nullptr || !pid) return;
  cell.text_if_any(lookup->subsystem_at(*pid, fault.addr, fault.ts));
}

constexpr SqlColumn<Fault> kFaultColumns[] = {
    {"ts", kInteger, give_integer<Fault, &Fault::ts>},
    {"dur", kInteger,
     [](Cell cell, const Fault& fault, const SqlContext&) { cell.integer_unless_open(fault.dur); }},
    {"tid", kInteger, give_integer<Fault, &Fault::tid>},
    {"addr", kInteger, give_integer<Fault, &Fault::addr>},
    {"ip", kInteger, give_integer<Fault, &Fault::ip>},
    {"error_code", kInteger, give_integer<Fault, &Fault::error_code>},
    {"kind", kText,
     [](Cell cell, const Fault& fault, const SqlContext&) { cell.text(name_of(fault.kind)); }},
    {"subsystem", kText, give_fault_subsystem},
    {"pid", kInteger, give_pid<Fault>},
    {"pfn", kInteger,
     [](Cell cell, const Fault& fault, const SqlContext&) {
       if (fault.has_page) cell.bits(fault.page.pfn);
     }},
    {"order_", kInteger,
     [](Cell cell, const Fault& fault, const SqlContext&) {
       if (fault.has_page) cell.integer(fault.page.order);
     }},
    {"node", kInteger,
     [](Cell cell, const Fault& fault, const SqlContext&) {
       if (fault.has_page) cell.integer(fault.page.node);
     }},
};

constexpr SqlTable<Fault> kFaultTable{
    .name = "fault",
    .columns = kFaultColumns,
    .begin = [](const SqlContext& context, const Scan& scan) -> NextRows<Fault> {
      return ChunkScan<Fault>(context, ChunkKind::Fault, scan);
    },
    .row_count = [](const SqlContext& c) { return events_of(c, ChunkKind::Fault); },
    .ts_column = "ts"};

// ---- page_alloc ----

using event::PageAlloc;

// Blocks folded into faults first, then those of their own.
class AllocScan {
 public:
  AllocScan(const SqlContext& context, const Scan& scan)
      : faults_(context, ChunkKind::Fault, scan), allocs_(context, ChunkKind::PageAlloc, scan) {}

  Result<bool> operator()(std::vector<PageAlloc>& allocs) {
    std::vector<Fault> faults;
    if (!FT_TRY(faults_(faults))) return allocs_(allocs);
    allocs.clear();
    for (const Fault& fault : faults) {
      if (fault.has_page) allocs.push_back(fault.page);
    }
    return true;
  }

 private:
  ChunkScan<Fault> faults_;
  ChunkScan<PageAlloc> allocs_;
};

std::string_view name_of(event::AllocContext context) {
  constexpr std::array<std::string_view, 3> kNames = {"other", "fault", "syscall"};
  return kNames[static_cast<std::size_t>(context)];
}

constexpr SqlColumn<PageAlloc> kAllocColumns[] = {
    {"ts", kInteger, give_integer<PageAlloc, &PageAlloc::ts>},
    {"tid", kInteger, give_integer<PageAlloc, &PageAlloc::tid>},
    {"pfn", kInteger, give_integer<PageAlloc, &PageAlloc::pfn>},
    {"order_", kInteger, give_integer<PageAlloc, &PageAlloc::order>},
    {"migratetype", kInteger, give_integer<PageAlloc, &PageAlloc::migratetype>},
    {"gfp", kInteger, give_integer<PageAlloc, &PageAlloc::gfp>},
    {"node", kInteger, give_integer<PageAlloc, &PageAlloc::node>},
    {"context", kText,
     [](Cell cell, const PageAlloc& alloc, const SqlContext&) {
       cell.text(name_of(alloc.context));
     }},
    {"pid", kInteger, give_pid<PageAlloc>},
};

constexpr SqlTable<PageAlloc> kAllocTable{
    .name = "page_alloc",
    .columns = kAllocColumns,
    .begin = [](const SqlContext& context, const Scan& scan) -> NextRows<PageAlloc> {
      return AllocScan(context, scan);
    },
    .row_count =
        [](const SqlContext& c) {
          return events_of(c, ChunkKind::Fault) + events_of(c, ChunkKind::PageAlloc);
        },
    .ts_column = "ts"};

// ---- tlb_flush ----

using event::TlbFlush;

std::string_view name_of(event::FlushReason reason) {
  constexpr std::array<std::string_view, 6> kNames = {"task switch",     "remote shootdown",
                                                      "local shootdown", "local mm shootdown",
                                                      "remote send IPI", "remote wrong CPU"};
  return kNames[static_cast<std::size_t>(reason)];
}

constexpr SqlColumn<TlbFlush> kFlushColumns[] = {
    {"ts", kInteger, give_integer<TlbFlush, &TlbFlush::ts>},
    {"tid", kInteger, give_integer<TlbFlush, &TlbFlush::tid>},
    {"reason", kText,
     [](Cell cell, const TlbFlush& flush, const SqlContext&) { cell.text(name_of(flush.reason)); }},
    // NULL: everything was flushed, however many pages that was.
    {"pages", kInteger,
     [](Cell cell, const TlbFlush& flush, const SqlContext&) {
       if (flush.pages != event::kFlushAll) cell.bits(flush.pages);
     }},
    {"pid", kInteger, give_pid<TlbFlush>},
};

constexpr SqlTable<TlbFlush> kFlushTable{
    .name = "tlb_flush",
    .columns = kFlushColumns,
    .begin = [](const SqlContext& context, const Scan& scan) -> NextRows<TlbFlush> {
      return ChunkScan<TlbFlush>(context, ChunkKind::TlbFlush, scan);
    },
    .row_count = [](const SqlContext& c) { return events_of(c, ChunkKind::TlbFlush); },
    .ts_column = "ts"};

// ---- sample ----

using event::Sample;

// By the names in its kernel stack, so the table of stages may grow after the recording.
void give_stage(Cell cell, const Sample& sample, const SqlContext& context) {
  kernel::Stage stage = kernel::Stage::User;
  if (sample.kernel_stack != event::kNoStack) {
    const auto index = static_cast<std::size_t>(sample.kernel_stack);
    if (index >= context.trace.stacks.size()) return;
    std::vector<std::string_view> names;
    for (const event::Frame& frame : context.trace.stacks[index].frames) {
      names.emplace_back(frame.symbol);
    }
    stage = kernel::classify(names).stage;
  }
  cell.text(kernel::name_of(stage));
}

constexpr SqlColumn<Sample> kSampleColumns[] = {
    {"ts", kInteger, give_integer<Sample, &Sample::ts>},
    {"tid", kInteger, give_integer<Sample, &Sample::tid>},
    {"kernel_stack_id", kInteger,
     [](Cell cell, const Sample& sample, const SqlContext&) {
       cell.integer_unless_open(sample.kernel_stack);
     }},
    {"user_stack_id", kInteger,
     [](Cell cell, const Sample& sample, const SqlContext&) {
       cell.integer_unless_open(sample.user_stack);
     }},
    {"stage", kText, give_stage},
    {"pid", kInteger, give_pid<Sample>},
};

constexpr SqlTable<Sample> kSampleTable{
    .name = "sample",
    .columns = kSampleColumns,
    .begin = [](const SqlContext& context, const Scan& scan) -> NextRows<Sample> {
      return ChunkScan<Sample>(context, ChunkKind::Sample, scan);
    },
    .row_count = [](const SqlContext& c) { return events_of(c, ChunkKind::Sample); },
    .ts_column = "ts"};

}  // namespace

std::vector<TableDefinition> chunk_tables(const SqlContext& context) {
  return {define(kFaultTable, context), define(kAllocTable, context), define(kFlushTable, context),
          define(kSampleTable, context)};
}

}  // namespace ft::recording
