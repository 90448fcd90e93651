#include "jvm/hotspot_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/units.h"

namespace ft::jvm {

namespace {

constexpr std::uint64_t kUserEnd = std::uint64_t{1} << 56U;
constexpr std::uint64_t kMostHeap = std::uint64_t{1} << 50U;
constexpr std::size_t kMostThreads = 100'000;
constexpr std::size_t kMostHeaps = 16;  // of the code cache
constexpr std::size_t kMostNodes = 4096;

bool plausible(AddressRange range) {
  return !range.empty() && range.end < kUserEnd && range.start % kPageSize == 0;
}

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// "17.0.15+6-Debian-1deb12u1" is 17.0.15+6 for the rest of the world.
std::string short_version(std::string_view release) {
  return std::string(release.substr(0, release.find('-')));
}

class MemoryReader {
 public:
  MemoryReader(const VmStructs& structs, const FindSymbol& symbol, const ReadMemory& memory)
      : structs_(structs), symbol_(symbol), memory_(memory) {}

  HotSpotMemory run() {
    read_version();
    read_flags();
    read_collector();
    result_.attach_disabled = is_set("DisableAttachMechanism");
    read_heap();
    read_code_cache();
    read_classes();
    read_metaspace();
    read_card_table();
    if (result_.collector == "G1") read_g1_tables();
    if (result_.collector == "Z") read_z_tables();
    read_small();
    read_threads();
    return std::move(result_);
  }

 private:
  using Word = std::uint64_t;

  std::optional<Word> word(Word address) const { return read_value<Word>(memory_, address); }

  // A static pointer or number.
  std::optional<Word> fixed(std::string_view type, std::string_view field) const {
    const auto address = structs_.address(type, field);
    return address ? word(*address) : std::nullopt;
  }
  // A field of an object.
  template <typename Value = Word>
  std::optional<Value> field(Word object, std::string_view type, std::string_view name) const {
    const auto offset = structs_.offset(type, name);
    return offset ? read_value<Value>(memory_, object + *offset) : std::nullopt;
  }
  // A MemRegion inside an object: its start, and its length in words.
  std::optional<AddressRange> mem_region(Word object, std::string_view type,
                                         std::string_view name) const {
    const auto at = structs_.offset(type, name);
    if (!at) return std::nullopt;
    const auto start = field(object + *at, "MemRegion", "_start");
    const auto words = field(object + *at, "MemRegion", "_word_size");
    if (!start || !words || *words > kMostHeap / 8) return std::nullopt;
    return AddressRange::of_size(*start, *words * 8);
  }

  void add(AddressRange range, Subsystem subsystem, std::string detail = {}) {
    range.end = page_ceil(range.end);
    if (plausible(range)) result_.ranges.push_back({range, subsystem, std::move(detail)});
  }

  // --- what kind of JVM -------------------------------------------------------------------------

  void read_version() {
    for (const std::string_view type : {"Abstract_VM_Version", "VM_Version"}) {
      const auto pointer = fixed(type, "_s_vm_release");
      const auto text = pointer ? read_text(memory_, *pointer) : std::nullopt;
      if (text) result_.version = short_version(*text);
      if (text) return;
    }
  }

  void read_flags() {
    const auto first = fixed("JVMFlag", "flags");
    const auto count = fixed("JVMFlag", "numFlags");
    const auto stride = structs_.size_of("JVMFlag");
    if (!first || !count || !stride || *count > 10'000) return;
    static const std::set<std::string, std::less<>> kWanted = {"UseG1GC",
                                                               "UseZGC",
                                                               "UseParallelGC",
                                                               "UseSerialGC",
                                                               "UseShenandoahGC",
                                                               "UseEpsilonGC",
                                                               "CompressedClassSpaceSize",
                                                               "DisableAttachMechanism"};
    for (Word i = 0; i < *count && flags_.size() < kWanted.size(); ++i) {
      const Word flag = *first + i * *stride;
      const auto name_at = field(flag, "JVMFlag", "_name");
      const auto value_at = field(flag, "JVMFlag", "_addr");
      if (!name_at || *name_at == 0 || !value_at) continue;
      const auto name = read_text(memory_, *name_at, 64);
      if (name && kWanted.contains(*name)) flags_[*name] = *value_at;
    }
  }

  bool is_set(std::string_view flag) const {
    const auto found = flags_.find(flag);
    return found != flags_.end() &&
           read_value<std::uint8_t>(memory_, found->second).value_or(0) != 0;
  }
  std::optional<Word> number(std::string_view flag) const {
    const auto found = flags_.find(flag);
    return found == flags_.end() ? std::nullopt : word(found->second);
  }

  void read_collector() {
    for (const std::string_view name : {"G1", "Z", "Parallel", "Serial", "Shenandoah", "Epsilon"}) {
      if (is_set(fmt::format("Use{}GC", name))) result_.collector = name;
    }
  }

  // --- heap -------------------------------------------------------------------------------------

  void read_heap() {
    heap_object_ = fixed("Universe", "_collectedHeap").value_or(0);
    if (heap_object_ == 0) {
      result_.complete = false;
      return;
    }
    if (result_.collector == "Z") return read_z_heap();
    const auto reserved = mem_region(heap_object_, "CollectedHeap", "_reserved");
    if (!reserved || !plausible(*reserved)) {
      result_.complete = false;
      return;
    }
    heap_ = *reserved;
    add(heap_, Subsystem::JavaHeap);
  }

  // The offsets of ZGC's heap are a power of two; with one bit above them set (25) or one of three
  // (17: one for each colour) they are addresses.
  void read_z_heap() {
    const auto globals = fixed("ZGlobalsForVMStructs", "_instance_p");
    const auto mask_at =
        globals ? field(*globals, "ZGlobalsForVMStructs", "_ZAddressOffsetMask") : std::nullopt;
    const auto mask = mask_at ? word(*mask_at) : std::nullopt;
    if (!mask || *mask == 0 || *mask >= kMostHeap || (*mask & (*mask + 1)) != 0) {
      result_.complete = false;
      return;
    }
    z_span_ = *mask + 1;
    const bool colours = structs_.offset("ZGlobalsForVMStructs", "_ZAddressGoodMask").has_value();
    for (unsigned view = 0; view < (colours ? 3U : 1U); ++view) {
      add(AddressRange::of_size(z_span_ << view, z_span_), Subsystem::JavaHeap,
          colours ? fmt::format("view {}", view) : "");
    }
  }

  // --- code, classes ----------------------------------------------------------------------------

  std::optional<AddressRange> virtual_space(Word object) const {
    const auto low = field(object, "VirtualSpace", "_low_boundary");
    const auto high = field(object, "VirtualSpace", "_high_boundary");
    if (!low || !high || *high <= *low) return std::nullopt;
    return AddressRange{*low, *high};
  }

  void read_code_cache() {
    const auto low = fixed("CodeCache", "_low_bound");
    const auto high = fixed("CodeCache", "_high_bound");
    if (low && high) add({*low, *high}, Subsystem::CodeCache);
    const auto heaps = fixed("CodeCache", "_heaps");
    if (!heaps) return;
    const std::int32_t count = field<std::int32_t>(*heaps, "GrowableArrayBase", "_len").value_or(0);
    const auto data = field(*heaps, "GrowableArray<int>", "_data");
    const auto memory_at = structs_.offset("CodeHeap", "_memory");
    const auto map_at = structs_.offset("CodeHeap", "_segmap");
    if (count < 1 || !data || !memory_at || !map_at) return;
    std::vector<AddressRange> segments;
    for (Word i = 0; i < std::min<Word>(static_cast<Word>(count), kMostHeaps); ++i) {
      const auto heap = word(*data + 8 * i);
      if (!heap) continue;
      if (const auto space = virtual_space(*heap + *memory_at)) segments.push_back(*space);
      if (const auto space = virtual_space(*heap + *map_at)) {
        add(*space, Subsystem::CodeCache, "segment map");
      }
    }
    name_segments(segments);
  }

  // Profiled, non-nmethods, non-profiled in the order of addresses (17 and 25 alike), the smallest
  // being the non-nmethods.
  void name_segments(std::vector<AddressRange> segments) {
    std::ranges::sort(segments);
    if (segments.size() < 2 || segments.size() > 3) return;
    const auto smallest = std::ranges::min_element(segments, {}, &AddressRange::size);
    bool profiled_seen = segments.size() == 2;
    for (auto it = segments.begin(); it != segments.end(); ++it) {
      std::string detail = "non-nmethods";
      if (it != smallest) {
        detail = profiled_seen ? "non-profiled" : "profiled";
        profiled_seen = true;
      }
      add(*it, Subsystem::CodeCache, std::move(detail));
    }
  }

  // One reservation holds archive and class space; the class space starts 16 MiB-aligned behind
  // the archive.
  void read_classes() {
    const Word base = fixed("MetaspaceObj", "_shared_metaspace_base").value_or(0);
    const Word top = fixed("MetaspaceObj", "_shared_metaspace_top").value_or(0);
    if (base != 0 && top > base) {
      constexpr Word kAlignment = 16 * kMiB;
      const Word border = base + round_up(top - base, kAlignment);
      add({base, border}, Subsystem::CdsArchive);
      const auto size = number("CompressedClassSpaceSize");
      if (size && *size > 0 && *size <= 4 * kGiB) {
        add({border, border + *size}, Subsystem::ClassSpace);
      }
    }
  }

  // metaspace::MetaspaceContext is {name, VirtualSpaceList*, ...}, a list {vtable, name, first
  // node, ...}, a node {next, base, bytes, ...}: local symbols, and shapes that are checked.
  void read_metaspace() {
    read_context("_ZN9metaspace16MetaspaceContext20_class_space_contextE", Subsystem::ClassSpace);
    read_context("_ZN9metaspace16MetaspaceContext23_nonclass_space_contextE", Subsystem::Metaspace);
  }

  void read_context(std::string_view name, Subsystem subsystem) {
    const auto variable = symbol_(name);
    const auto context = variable ? word(*variable) : std::nullopt;
    const auto list = context && *context ? word(*context + 8) : std::nullopt;
    if (!list || *list == 0) return;
    Word node = word(*list + 16).value_or(0);
    for (std::size_t i = 0; node != 0 && i < kMostNodes; ++i) {
      const auto next = word(node);
      const auto base = word(node + 8);
      const auto bytes = word(node + 16);
      if (!next || !base || !bytes) return;
      const bool shaped = *base % kMiB == 0 && *bytes >= kMiB && *bytes <= 16 * kGiB &&
                          *bytes % kMiB == 0 && *base < kUserEnd;
      if (!shaped) return;
      add(AddressRange::of_size(*base, *bytes), subsystem);
      node = *next;
    }
  }

  // --- tables of the collectors -----------------------------------------------------------------

  void read_card_table() {
    if (result_.collector != "G1" && result_.collector != "Parallel" &&
        result_.collector != "Serial") {
      return;
    }
    const auto barriers = fixed("BarrierSet", "_barrier_set");
    const auto table =
        barriers ? field(*barriers, "CardTableBarrierSet", "_card_table") : std::nullopt;
    if (!table || *table == 0) return;
    const auto map = field(*table, "CardTable", "_byte_map");
    const auto size = field(*table, "CardTable", "_byte_map_size");
    if (!map || !size || *size == 0 || *size > kMostHeap / 512) return;
    add(AddressRange::of_size(*map, *size), Subsystem::GcCardTable);
  }

  // G1HeapRegionManager points to one G1RegionToSpaceMapper for each table, in a fixed order. Each
  // holds the bounds of what it reserved: heap/512 for tables of cards, heap/64 for bitmaps.
  void read_g1_tables() {
    const auto manager_at = structs_.offset("G1CollectedHeap", "_hrm");
    if (!manager_at || heap_.empty()) return;
    constexpr Word kManagerWords = 40;
    std::vector<AddressRange> tables;
    std::vector<AddressRange> bitmaps;
    for (Word i = 0; i < kManagerWords; ++i) {
      const auto mapper = word(heap_object_ + *manager_at + 8 * i);
      if (!mapper || *mapper < kPageSize || *mapper >= kUserEnd || *mapper % 8 != 0) continue;
      if (const auto found = bounds_in(*mapper, heap_.size() / 512)) {
        if (std::ranges::find(tables, *found) == tables.end()) tables.push_back(*found);
      } else if (const auto bitmap = bounds_in(*mapper, heap_.size() / 64)) {
        if (std::ranges::find(bitmaps, *bitmap) == bitmaps.end()) bitmaps.push_back(*bitmap);
      }
    }
    constexpr std::array kTables = {Subsystem::GcBlockOffsetTable, Subsystem::GcCardTable,
                                    Subsystem::GcCardCounts};
    for (std::size_t i = 0; i < tables.size() && i < kTables.size(); ++i)
      add(tables[i], kTables[i]);
    for (std::size_t i = 0; i < bitmaps.size(); ++i) {
      const bool two = bitmaps.size() == 2;
      add(bitmaps[i], Subsystem::GcMarkBitmap, !two ? "" : i == 0 ? "previous" : "next");
    }
  }

  // Two neighbouring words of the object that are the bounds of so many bytes, rounded up to pages
  // or to large pages.
  std::optional<AddressRange> bounds_in(Word object, Word bytes) const {
    constexpr Word kObjectWords = 24;
    std::optional<Word> low = word(object);
    for (Word i = 1; low && i < kObjectWords; ++i) {
      const std::optional<Word> high = word(object + 8 * i);
      if (high && *low >= kMiB && *low % kPageSize == 0 && *high > *low &&
          (*high - *low == page_ceil(bytes) || *high - *low == round_up(bytes, kHugePageSize))) {
        return AddressRange{*low, *high};
      }
      low = high;
    }
    return std::nullopt;
  }

  // ZPageTable's map has a pointer for each 2 MiB of heap offsets.
  void read_z_tables() {
    const auto heap_at = structs_.offset("ZCollectedHeap", "_heap");
    const auto table_at = structs_.offset("ZHeap", "_page_table");
    const auto map_at = structs_.offset("ZPageTable", "_map");
    if (!heap_at || !table_at || !map_at || z_span_ == 0 || heap_object_ == 0) return;
    // ZGranuleMap is {entries, entries' address}.
    const Word table = heap_object_ + *heap_at + *table_at + *map_at;
    const auto map = field(table, "ZGranuleMapForPageTable", "_map");
    const auto count = word(table);
    const bool shaped = count && *count > 0 && *count <= z_span_ / kHugePageSize;
    if (map && shaped) {
      add(AddressRange::of_size(*map, *count * sizeof(Word)), Subsystem::GcOther, "page table");
    }
  }

  // --- small things -----------------------------------------------------------------------------

  void read_small() {
    const auto start = fixed("PerfMemory", "_start");
    const auto size = fixed("PerfMemory", "_capacity");
    if (start && size && *size <= kGiB) {
      add(AddressRange::of_size(*start, *size), Subsystem::JvmInternal, "performance data");
    }
    // Two pages: one without rights, then one to be read (SafepointMechanism::default_initialize).
    const auto polling = symbol_("_ZN18SafepointMechanism13_polling_pageE");
    const auto page_pair = polling ? word(*polling) : std::nullopt;
    if (page_pair && *page_pair % kPageSize == 0) {
      add(AddressRange::of_size(*page_pair, 2 * kPageSize), Subsystem::JvmInternal,
          "safepoint page");
    }
    const auto poison = symbol_("g_assert_poison");
    const auto page = poison ? word(*poison) : std::nullopt;
    if (page && *page % kPageSize == 0) {
      add(AddressRange::of_size(*page, kPageSize), Subsystem::JvmInternal, "poison page");
    }
  }

  void read_threads() {
    const auto list = fixed("ThreadsSMRSupport", "_java_thread_list");
    const auto count = list ? field<std::uint32_t>(*list, "ThreadsList", "_length") : std::nullopt;
    const auto array = list ? field(*list, "ThreadsList", "_threads") : std::nullopt;
    if (!count || !array) {
      result_.complete = false;
      return;
    }
    // JavaThread has it in 17, Thread in 25.
    const auto os_at = structs_.offset("JavaThread", "_osthread")
                           ? structs_.offset("JavaThread", "_osthread")
                           : structs_.offset("Thread", "_osthread");
    for (Word i = 0; i < std::min<Word>(*count, kMostThreads); ++i) {
      const auto thread = word(*array + 8 * i);
      const auto base = thread ? field(*thread, "JavaThread", "_stack_base") : std::nullopt;
      const auto size = thread ? field(*thread, "JavaThread", "_stack_size") : std::nullopt;
      const auto os = thread && os_at ? word(*thread + *os_at) : std::nullopt;
      if (!base || !size || !os || *size > *base) continue;
      const auto tid = field<std::int32_t>(*os, "OSThread", "_thread_id");
      const auto pthread = field(*os, "OSThread", "_pthread_id");
      const AddressRange stack{*base - *size, *base};
      if (!tid || !pthread || !plausible(stack)) continue;
      result_.threads.push_back({*tid, stack, *pthread});
    }
  }

  const VmStructs& structs_;
  const FindSymbol& symbol_;
  const ReadMemory& memory_;
  HotSpotMemory result_;
  std::map<std::string, Word, std::less<>> flags_;
  Word heap_object_ = 0;
  AddressRange heap_;
  Word z_span_ = 0;
};

}  // namespace

HotSpotMemory read_hotspot_memory(const VmStructs& structs, const FindSymbol& symbol,
                                  const ReadMemory& memory) {
  return MemoryReader(structs, symbol, memory).run();
}

}  // namespace ft::jvm
