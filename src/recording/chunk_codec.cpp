#include "recording/chunk_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <ranges>
#include <utility>

#include "base/check.h"
#include "recording/checksum.h"
#include "recording/event_shape.h"

namespace ft::recording {

using event::Fault;
using event::PageAlloc;
using event::Sample;
using event::Tid;
using event::TlbFlush;

namespace {

constexpr std::uint8_t kCodecVersion = 1;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kChecksumBytes = 8;

// A thread that touches memory page after page faults on the next one right after the last fault.
constexpr std::uint64_t kNextPage = kPageSize;

std::uint64_t bits(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}
std::int64_t number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
std::uint64_t tid_bits(Tid tid) {
  return static_cast<std::uint32_t>(tid);
}

// Durations and stack ids start at -1, "unknown" and "none".
std::uint64_t above_minus_one(std::int64_t value) {
  return bits(value) + 1;
}
std::int64_t from_minus_one(std::uint64_t coded) {
  return number(coded - 1);
}

std::uint64_t end_of(std::uint64_t ts, std::uint64_t duration) {
  return number(duration) > 0 ? ts + duration : ts;
}

}  // namespace

std::string_view name_of(ChunkKind kind) {
  switch (kind) {
    case ChunkKind::Fault:
      return "fault";
    case ChunkKind::PageAlloc:
      return "page_alloc";
    case ChunkKind::TlbFlush:
      return "tlb_flush";
    case ChunkKind::Sample:
      return "sample";
    case ChunkKind::Syscall:
      return "syscall";
  }
  return "unknown";
}

std::uint64_t chunk_checksum(std::string_view chunk) {
  FT_CHECK(chunk.size() >= kChecksumBytes);
  std::uint64_t sum = 0;
  for (const char c : std::views::reverse(chunk.substr(chunk.size() - kChecksumBytes))) {
    sum = sum << 8U | static_cast<std::uint8_t>(c);
  }
  return sum;
}

// ---- encoding ----

void ChunkEncoder::begin(ChunkKind kind, std::size_t size, Nanoseconds base_ts,
                         std::size_t columns) {
  FT_CHECK(size > 0 && size <= kMaxChunkEvents);
  base_ts_ = base_ts;
  for (std::size_t i = 0; i < columns; ++i) columns_[i].resize(size);
  for (Dictionary& dictionary : dictionaries_) dictionary.clear();
  out_.clear();
  out_.number(kCodecVersion, 1);
  out_.number(static_cast<std::uint64_t>(kind), 1);
  out_.number(0, 2);
  out_.number(size, 4);
  out_.number(bits(base_ts_), 8);
}

template <typename Event>
void ChunkEncoder::begin(ChunkKind kind, std::span<const Event> events) {
  FT_CHECK(!events.empty());
  begin(kind, events.size(), events.front().ts, kColumns);
  tids_.clear();
  lanes_.next.clear();
  lanes_.lane_of.resize(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    const std::uint32_t lane = tids_.index_of(tid_bits(events[i].tid));
    if (lane == lanes_.next.size()) lanes_.next.push_back(0);
    lanes_.lane_of[i] = lane;
    ++lanes_.next[lane];
  }
  out_.number(lanes_.next.size(), 4);
  out_.column(tids_.values());
  const std::vector<std::uint64_t> sizes(lanes_.next.begin(), lanes_.next.end());
  out_.column(sizes);
  std::exclusive_scan(lanes_.next.begin(), lanes_.next.end(), lanes_.next.begin(), 0U);
}

std::string_view ChunkEncoder::finish() {
  out_.number(checksum_of(out_.bytes()), kChecksumBytes);
  FT_CHECK(out_.bytes().size() <= kMaxChunkBytes);
  return out_.bytes();
}

void ChunkEncoder::dictionary_column(const Dictionary& dictionary,
                                     std::span<const std::uint64_t> indices) {
  std::vector<std::uint64_t> steps;
  steps.reserve(dictionary.values().size());
  std::uint64_t previous = 0;
  for (const std::uint64_t value : dictionary.values()) {
    steps.push_back(zigzag(value - previous));
    previous = value;
  }
  out_.number(steps.size(), 4);
  out_.column(steps);
  out_.column(indices);
}

std::string_view ChunkEncoder::encode(std::span<const Fault> faults) {
  begin(ChunkKind::Fault, faults);
  std::vector<std::uint64_t>& ts = columns_[0];
  std::vector<std::uint64_t>& duration = columns_[1];
  std::vector<std::uint64_t>& addr = columns_[2];
  std::vector<std::uint64_t>& ip = columns_[3];
  std::vector<std::uint64_t>& shape = columns_[4];
  std::vector<std::uint64_t>& pfn = columns_[5];
  std::vector<std::uint64_t>& page_shape = columns_[6];
  auto& [ips, shapes, page_shapes] = dictionaries_;

  // Folded pages have slots of their own: not every fault has one.
  struct Lane {
    std::uint64_t end, addr = 0, pfn = 0;
    std::uint32_t next_page = 0;
  };
  std::vector<Lane> lanes(lanes_.next.size(), Lane{.end = bits(base_ts_)});
  for (std::size_t i = 0; i < faults.size(); ++i) {
    if (faults[i].has_page) ++lanes[lanes_.lane_of[i]].next_page;
  }
  std::uint32_t pages = 0;
  for (Lane& lane : lanes) pages += std::exchange(lane.next_page, pages);

  for (std::size_t i = 0; i < faults.size(); ++i) {
    const Fault& fault = faults[i];
    Lane& lane = lanes[lanes_.lane_of[i]];
    const std::uint32_t slot = lanes_.next[lanes_.lane_of[i]]++;
    ts[slot] = zigzag(bits(fault.ts) - lane.end);
    duration[slot] = above_minus_one(fault.dur);
    addr[slot] = zigzag(fault.addr - lane.addr - kNextPage);
    ip[slot] = ips.index_of(fault.ip);
    shape[slot] = shapes.index_of(pack_shape(fault));
    lane.end = end_of(bits(fault.ts), bits(fault.dur));
    lane.addr = fault.addr;
    if (!fault.has_page) continue;
    pfn[lane.next_page] = zigzag(fault.page.pfn - lane.pfn);
    page_shape[lane.next_page] = page_shapes.index_of(pack_page_shape(fault.page));
    lane.pfn = fault.page.pfn;
    ++lane.next_page;
  }

  out_.column(ts);
  out_.column(duration);
  out_.column(addr);
  dictionary_column(ips, ip);
  dictionary_column(shapes, shape);
  out_.column(std::span(pfn).first(pages));
  dictionary_column(page_shapes, std::span(page_shape).first(pages));
  return finish();
}

std::string_view ChunkEncoder::encode(std::span<const PageAlloc> allocs) {
  begin(ChunkKind::PageAlloc, allocs);
  Dictionary& shapes = dictionaries_[0];
  std::vector<PageAlloc> previous(lanes_.next.size(), PageAlloc{.ts = base_ts_});
  for (std::size_t i = 0; i < allocs.size(); ++i) {
    PageAlloc& before = previous[lanes_.lane_of[i]];
    const std::uint32_t slot = lanes_.next[lanes_.lane_of[i]]++;
    columns_[0][slot] = zigzag(bits(allocs[i].ts) - bits(before.ts));
    columns_[1][slot] = zigzag(allocs[i].pfn - before.pfn);
    columns_[2][slot] = shapes.index_of(pack_shape(allocs[i]));
    before = allocs[i];
  }
  out_.column(columns_[0]);
  out_.column(columns_[1]);
  dictionary_column(shapes, columns_[2]);
  return finish();
}

std::string_view ChunkEncoder::encode(std::span<const TlbFlush> flushes) {
  begin(ChunkKind::TlbFlush, flushes);
  std::vector<std::uint64_t> previous_ts(lanes_.next.size(), bits(base_ts_));
  for (std::size_t i = 0; i < flushes.size(); ++i) {
    std::uint64_t& before = previous_ts[lanes_.lane_of[i]];
    const std::uint32_t slot = lanes_.next[lanes_.lane_of[i]]++;
    columns_[0][slot] = zigzag(bits(flushes[i].ts) - before);
    columns_[1][slot] = flushes[i].pages + 1;  // kFlushAll becomes 0
    columns_[2][slot] = static_cast<std::uint64_t>(flushes[i].reason);
    before = bits(flushes[i].ts);
  }
  for (std::size_t i = 0; i < 3; ++i) out_.column(columns_[i]);
  return finish();
}

std::string_view ChunkEncoder::encode(std::span<const Sample> samples) {
  begin(ChunkKind::Sample, samples);
  std::vector<std::uint64_t> previous_ts(lanes_.next.size(), bits(base_ts_));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    std::uint64_t& before = previous_ts[lanes_.lane_of[i]];
    const std::uint32_t slot = lanes_.next[lanes_.lane_of[i]]++;
    columns_[0][slot] = zigzag(bits(samples[i].ts) - before);
    columns_[1][slot] = static_cast<std::uint32_t>(above_minus_one(samples[i].kernel_stack));
    columns_[2][slot] = static_cast<std::uint32_t>(above_minus_one(samples[i].user_stack));
    before = bits(samples[i].ts);
  }
  for (std::size_t i = 0; i < 3; ++i) out_.column(columns_[i]);
  return finish();
}

// ---- decoding ----

Result<ColumnReader> ChunkDecoder::open(std::string_view chunk, ChunkKind kind) {
  if (chunk.size() < kHeaderBytes + kChecksumBytes || chunk.size() > kMaxChunkBytes) {
    return fail("byte 0", fmt::format("a chunk cannot have {} bytes", chunk.size()));
  }
  const std::string_view content = chunk.substr(0, chunk.size() - kChecksumBytes);
  if (chunk_checksum(chunk) != checksum_of(content)) {
    return fail(fmt::format("byte {}", content.size()), "the checksum does not match");
  }

  ColumnReader in(content, scratch_);
  const std::uint64_t version = FT_TRY(in.number(1));
  if (version != kCodecVersion) return in.damaged(fmt::format("chunk version {}", version));
  const std::uint64_t found_kind = FT_TRY(in.number(1));
  if (found_kind != static_cast<std::uint64_t>(kind)) {
    return in.damaged(fmt::format("chunk kind {} instead of {} ({})", found_kind,
                                  static_cast<unsigned>(kind), name_of(kind)));
  }
  if (FT_TRY(in.number(2)) != 0) return in.damaged("reserved bytes are not zero");
  size_ = FT_TRY(in.number(4));
  if (size_ == 0 || size_ > kMaxChunkEvents) {
    return in.damaged(fmt::format("a chunk cannot have {} events", size_));
  }
  base_ts_ = number(FT_TRY(in.number(8)));
  return in;
}

Result<ColumnReader> ChunkDecoder::begin(std::string_view chunk, ChunkKind kind) {
  ColumnReader in = FT_TRY(open(chunk, kind));
  FT_TRY_VOID(lanes(in));
  return in;
}

Result<void> ChunkDecoder::lanes(ColumnReader& in) {
  const std::uint64_t count = FT_TRY(in.number(4));
  if (count == 0 || count > size_) return in.damaged(fmt::format("{} threads", count));
  lane_tids_.resize(count);
  lane_sizes_.resize(count);
  FT_TRY_VOID(in.column(lane_tids_));
  FT_TRY_VOID(in.column(lane_sizes_));
  tids_.clear();
  for (std::size_t lane = 0; lane < count; ++lane) {
    if (lane_tids_[lane] > 0xffff'ffff) return in.damaged("a thread id wider than 32 bits");
    if (lane_sizes_[lane] == 0 || lane_sizes_[lane] > size_ - tids_.size()) {
      return in.damaged("the threads' events do not add up to the chunk's");
    }
    tids_.resize(tids_.size() + lane_sizes_[lane],
                 static_cast<Tid>(static_cast<std::uint32_t>(lane_tids_[lane])));
  }
  if (tids_.size() != size_) {
    return in.damaged("the threads' events do not add up to the chunk's");
  }
  return {};
}

Result<std::span<std::uint64_t>> ChunkDecoder::column(ColumnReader& in, std::size_t which,
                                                      std::size_t size) {
  columns_[which].resize(size_);
  const std::span<std::uint64_t> values = std::span(columns_[which]).first(size);
  FT_TRY_VOID(in.column(values));
  return values;
}

Result<std::span<std::uint64_t>> ChunkDecoder::indices_column(ColumnReader& in, std::size_t which,
                                                              std::size_t size) {
  const std::uint64_t count = FT_TRY(in.number(4));
  if (count > size) return in.damaged(fmt::format("{} different values among {}", count, size));
  dictionary_.resize(count);
  FT_TRY_VOID(in.column(dictionary_));
  std::uint64_t value = 0;
  for (std::uint64_t& entry : dictionary_) entry = value += unzigzag(entry);
  const std::span<std::uint64_t> indices = FT_TRY(column(in, which, size));
  for (const std::uint64_t index : indices) {
    if (index >= count) return in.damaged(fmt::format("value {} of a list of {}", index, count));
  }
  return indices;
}

Result<std::span<std::uint64_t>> ChunkDecoder::dictionary_column(ColumnReader& in,
                                                                 std::size_t which,
                                                                 std::size_t size) {
  const std::span<std::uint64_t> values = FT_TRY(indices_column(in, which, size));
  for (std::uint64_t& index : values) index = dictionary_[index];
  return values;
}

Result<void> ChunkDecoder::finish(const ColumnReader& in) {
  if (!in.at_end()) return in.damaged("bytes follow the last column");
  return {};
}

void ChunkDecoder::restore_ts(std::span<std::uint64_t> ts,
                              std::span<const std::uint64_t> durations) {
  std::size_t slot = 0;
  for (const std::uint64_t lane_size : lane_sizes_) {
    std::uint64_t end = bits(base_ts_);
    for (const std::size_t lane_end = slot + lane_size; slot < lane_end; ++slot) {
      ts[slot] = end + unzigzag(ts[slot]);
      end = durations.empty() ? ts[slot] : end_of(ts[slot], durations[slot] - 1);
    }
  }
}

// Each lane is a run, nearly always sorted already; neighbouring runs are merged until one is left.
void ChunkDecoder::sort_by_ts(std::span<const std::uint64_t> ts) {
  const auto earlier = [&](std::uint32_t a, std::uint32_t b) {
    return number(ts[a]) < number(ts[b]);
  };
  order_.resize(size_);
  merged_.resize(size_);
  std::iota(order_.begin(), order_.end(), 0U);
  runs_.assign(1, 0);
  for (const std::uint64_t lane_size : lane_sizes_) {
    const auto first = order_.begin() + runs_.back();
    const auto last = first + static_cast<std::ptrdiff_t>(lane_size);
    if (!std::is_sorted(first, last, earlier)) std::stable_sort(first, last, earlier);
    runs_.push_back(runs_.back() + static_cast<std::uint32_t>(lane_size));
  }
  while (runs_.size() > 2) {
    std::size_t kept = 1;
    for (std::size_t i = 0; i + 1 < runs_.size(); i += 2) {
      const std::uint32_t begin = runs_[i];
      const std::uint32_t middle = runs_[i + 1];
      const std::uint32_t end = i + 2 < runs_.size() ? runs_[i + 2] : middle;
      const auto at = order_.begin();
      std::merge(at + begin, at + middle, at + middle, at + end, merged_.begin() + begin, earlier);
      runs_[kept++] = end;
    }
    runs_.resize(kept);
    order_.swap(merged_);
  }
}

Result<void> ChunkDecoder::decode(std::string_view chunk, std::vector<Fault>& faults) {
  ColumnReader in = FT_TRY(begin(chunk, ChunkKind::Fault));
  const std::span<std::uint64_t> ts = FT_TRY(column(in, 0, size_));
  const std::span<std::uint64_t> duration = FT_TRY(column(in, 1, size_));
  const std::span<std::uint64_t> addr = FT_TRY(column(in, 2, size_));
  const std::span<std::uint64_t> ip = FT_TRY(dictionary_column(in, 3, size_));
  const std::span<std::uint64_t> shape = FT_TRY(dictionary_column(in, 4, size_));
  std::size_t pages = 0;
  for (const std::uint64_t packed : shape) {
    if (!is_fault_shape(packed)) return in.damaged(fmt::format("no such fault: {:#x}", packed));
    pages += has_page(packed) ? 1 : 0;
  }
  const std::span<std::uint64_t> pfn = FT_TRY(column(in, 5, pages));
  const std::span<std::uint64_t> page_shape = FT_TRY(dictionary_column(in, 6, pages));
  for (const std::uint64_t packed : page_shape) {
    if (!is_page_shape(packed)) return in.damaged(fmt::format("no such page: {:#x}", packed));
  }
  FT_TRY_VOID(finish(in));

  restore_ts(ts, duration);
  // From here on `page_of` leads from a fault's slot to its page's.
  std::vector<std::uint64_t>& page_of = columns_[7];
  page_of.resize(size_);
  std::size_t slot = 0;
  std::size_t page = 0;
  for (const std::uint64_t lane_size : lane_sizes_) {
    std::uint64_t last_addr = 0;
    std::uint64_t last_pfn = 0;
    for (const std::size_t lane_end = slot + lane_size; slot < lane_end; ++slot) {
      addr[slot] = last_addr += unzigzag(addr[slot]) + kNextPage;
      page_of[slot] = page;
      if (!has_page(shape[slot])) continue;
      pfn[page] = last_pfn += unzigzag(pfn[page]);
      ++page;
    }
  }

  sort_by_ts(ts);
  faults.resize(size_);
  for (std::size_t i = 0; i < size_; ++i) {
    const std::uint32_t from = order_[i];
    Fault& fault = faults[i];
    fault.ts = number(ts[from]);
    fault.dur = from_minus_one(duration[from]);
    fault.addr = addr[from];
    fault.ip = ip[from];
    fault.tid = tids_[from];
    unpack_shape(shape[from], fault);
    if (fault.has_page) {
      unpack_page_shape(page_shape[page_of[from]], fault.page);
      fault.page.pfn = pfn[page_of[from]];
      fault.page.ts = fault.ts;
      fault.page.tid = fault.tid;
      fault.page.context = event::AllocContext::Fault;
    } else {
      fault.page = {};
    }
  }
  return {};
}

Result<void> ChunkDecoder::decode(std::string_view chunk, std::vector<PageAlloc>& allocs) {
  ColumnReader in = FT_TRY(begin(chunk, ChunkKind::PageAlloc));
  const std::span<std::uint64_t> ts = FT_TRY(column(in, 0, size_));
  const std::span<std::uint64_t> pfn = FT_TRY(column(in, 1, size_));
  const std::span<std::uint64_t> shape = FT_TRY(dictionary_column(in, 2, size_));
  for (const std::uint64_t packed : shape) {
    if (!is_alloc_shape(packed)) return in.damaged(fmt::format("no such block: {:#x}", packed));
  }
  FT_TRY_VOID(finish(in));

  restore_ts(ts, {});
  std::size_t slot = 0;
  for (const std::uint64_t lane_size : lane_sizes_) {
    std::uint64_t last_pfn = 0;
    for (const std::size_t lane_end = slot + lane_size; slot < lane_end; ++slot) {
      pfn[slot] = last_pfn += unzigzag(pfn[slot]);
    }
  }
  sort_by_ts(ts);
  allocs.resize(size_);
  for (std::size_t i = 0; i < size_; ++i) {
    const std::uint32_t from = order_[i];
    unpack_shape(shape[from], allocs[i]);
    allocs[i].ts = number(ts[from]);
    allocs[i].pfn = pfn[from];
    allocs[i].tid = tids_[from];
  }
  return {};
}

Result<void> ChunkDecoder::decode(std::string_view chunk, std::vector<TlbFlush>& flushes) {
  ColumnReader in = FT_TRY(begin(chunk, ChunkKind::TlbFlush));
  const std::span<std::uint64_t> ts = FT_TRY(column(in, 0, size_));
  const std::span<std::uint64_t> pages = FT_TRY(column(in, 1, size_));
  const std::span<std::uint64_t> reason = FT_TRY(column(in, 2, size_));
  for (const std::uint64_t value : reason) {
    if (!is_flush_reason(value)) return in.damaged(fmt::format("no such flush: {}", value));
  }
  FT_TRY_VOID(finish(in));

  restore_ts(ts, {});
  sort_by_ts(ts);
  flushes.resize(size_);
  for (std::size_t i = 0; i < size_; ++i) {
    const std::uint32_t from = order_[i];
    flushes[i] = {.ts = number(ts[from]),
                  .pages = pages[from] - 1,
                  .tid = tids_[from],
                  .reason = static_cast<event::FlushReason>(reason[from])};
  }
  return {};
}

Result<void> ChunkDecoder::decode(std::string_view chunk, std::vector<Sample>& samples) {
  ColumnReader in = FT_TRY(begin(chunk, ChunkKind::Sample));
  const std::span<std::uint64_t> ts = FT_TRY(column(in, 0, size_));
  const std::span<std::uint64_t> kernel = FT_TRY(column(in, 1, size_));
  const std::span<std::uint64_t> user = FT_TRY(column(in, 2, size_));
  for (std::size_t i = 0; i < size_; ++i) {
    if (!is_stack_id(kernel[i]) || !is_stack_id(user[i])) {
      return in.damaged("a stack id out of range");
    }
  }
  FT_TRY_VOID(finish(in));

  restore_ts(ts, {});
  sort_by_ts(ts);
  samples.resize(size_);
  for (std::size_t i = 0; i < size_; ++i) {
    const std::uint32_t from = order_[i];
    samples[i] = {.ts = number(ts[from]),
                  .tid = tids_[from],
                  .kernel_stack = static_cast<event::StackId>(from_minus_one(kernel[from])),
                  .user_stack = static_cast<event::StackId>(from_minus_one(user[from]))};
  }
  return {};
}

}  // namespace ft::recording
