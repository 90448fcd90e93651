#include "jvm/stack_rules.h"

#include <algorithm>
#include <array>

namespace ft::jvm {

namespace {

// One thing to look for in a function's qualified name.
struct Pattern {
  std::string_view text;       // must occur in the name
  std::string_view in_word{};  // and then, within the identifier that follows, this
  bool whole = false;          // or: the name is exactly `text`

  bool occurs_in(std::string_view name) const {
    if (whole) return name == text;
    for (std::size_t at = name.find(text); at != std::string_view::npos;
         at = name.find(text, at + 1)) {
      if (in_word.empty()) return true;
      std::string_view word = name.substr(at + text.size());
      const auto is_word = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
      };
      word = word.substr(
          0, static_cast<std::size_t>(std::ranges::find_if_not(word, is_word) - word.begin()));
      if (word.find(in_word) != std::string_view::npos) return true;
    }
    return false;
  }
};

constexpr std::size_t kMaxPatterns = 8;

struct Entry {
  StackRule rule;
  std::array<Pattern, kMaxPatterns> patterns{};  // any of them; ends at the first empty text

  bool matches(std::string_view name) const {
    for (const Pattern& pattern : patterns) {
      if (pattern.text.empty()) return false;
      if (pattern.occurs_in(name)) return true;
    }
    return false;
  }
};

using enum RuleEffect;
using enum Subsystem;

// The order matters where a stack holds the names of two rules; `why` says which.
// JDK numbers: 0 as first means "as long as HotSpot has had it", 99 as last means "still there".
constexpr std::array kRules = {
    Entry{{StackGuard, Unknown, "guard", 0, 99,
           "yellow, red and reserved zones are carved out of a stack that already has its owner"},
          {{{"StackOverflow::create_stack_guard"},
            {"StackOverflow::remove_stack_guard"},
            {"os::guard_memory"},
            {"os::unguard_memory"}}}},

    Entry{{Own, JavaHeap, "", 15, 99,
           "ZGC reserves address space apart from the memory behind it, a memfd mapped piecewise; "
           "17 has the Manager reserve, 25 the Reserver; ZPartition is 25's"},
          {{{"ZPhysicalMemoryBacking"},
            {"ZVirtualMemoryManager::", "reserve"},
            {"ZVirtualMemoryReserver::", "reserve"},
            {"ZPartition::"}}}},

    Entry{
        {CdsHeapObjects, JavaHeap, "CDS objects", 0, 99,
         "before the CDS rules: FileMapInfo is on this stack too, yet the bytes are Java objects"},
        {{{"FileMapInfo::map_heap_region"}, {"FileMapInfo::map_or_load_heap_region"}}}},

    Entry{{Own, JavaHeap, "", 0, 99,
           "ReservedHeapSpace until 24, HeapReserver since; Universe::reserve_heap calls both"},
          {{{"HeapReserver::"}, {"ReservedHeapSpace::"}, {"Universe::reserve_heap"}}}},

    Entry{{Inherit, JavaHeap, "", 12, 99,
           "Shenandoah commits heap regions and slices of its bitmaps through the same functions"},
          {{{"ShenandoahHeap::", "commit"}, {"ShenandoahHeapRegion::", "commit"}}}},

    Entry{{Own, CodeCache, "segment map", 0, 99,
           "CodeHeap::reserve makes the segment map by a reservation of its own; its commits fall "
           "inside the code cache's reservation and inherit"},
          {{{"CodeHeap::reserve"}}}},

    Entry{{Own, CodeCache, "AOT code", 25, 99, "the code region of an AOT cache"},
          {{{"map_aot_code_region"}}}},

    Entry{{Own, CodeCache, "", 0, 99,
           "ReservedCodeSpace until 24, CodeMemoryReserver since; AOTCodeCache in 25"},
          {{{"CodeCache::"}, {"AOTCodeCache::"}, {"ReservedCodeSpace"}, {"CodeMemoryReserver"}}}},

    Entry{{CdsAndClassSpace, CdsArchive, "", 16, 99,
           "before the CDS rule, which would take the class space with it; MetaspaceShared is "
           "AOTMetaspace after 25"},
          {{{"MetaspaceShared::reserve_address_space_for_archives"},
            {"AOTMetaspace::reserve_address_space_for_archives"}}}},

    Entry{
        {Own, CdsArchive, "", 0, 99,
         "the archive's regions and bitmap; the zone in 25 that makes the null narrow class fault"},
        {{{"FileMapInfo::"},
          {"MetaspaceShared::map_archive"},
          {"AOTMetaspace::map_archive"},
          {"establish_protection_zone"}}}},

    Entry{{Own, ClassSpace, "", 0, 99, "class space without an archive: -Xshare:off"},
          {{{"Metaspace::reserve_address_space_for_compressed_classes"},
            {"CompressedKlassPointers::reserve"}}}},

    Entry{{Own, Metaspace, "", 16, 99,
           "nodes of 64 MiB, committed in granules of 64 KiB; commits inside the class space "
           "inherit"},
          {{{"metaspace::VirtualSpaceNode::create_node"},
            {"metaspace::VirtualSpaceNode::commit_range"}}}},

    Entry{{Own, ClassSpace, "", 16, 17,
           "17 with -Xshare:off reserves the class space straight from here; after the four rules "
           "above, whose stacks all pass through this function"},
          {{{"Metaspace::global_initialize"}}}},

    Entry{{G1SideTable, GcOther, "", 0, 99,
           "card table, block offset table, card counts and bitmaps share one stack"},
          {{{"create_aux_memory_mapper"}}}},

    Entry{{Inherit, JavaHeap, "", 0, 99, "G1 commits the heap and its side tables alike"},
          {{{"G1PageBasedVirtualSpace::commit"}, {"G1PageBasedVirtualSpace::uncommit"}}}},

    Entry{{Own, GcOther, "mark stack", 0, 99, ""}, {{{"G1CMMarkStack"}}}},
    Entry{{Own, GcOther, "remembered sets", 0, 99, ""}, {{{"G1FromCardCache"}, {"G1RemSet"}}}},
    Entry{{Own, GcOther, "concurrent mark", 0, 99, ""}, {{{"G1ConcurrentMark::"}}}},

    Entry{{Own, GcOther, "page table", 15, 99, ""}, {{{"ZPageTable"}}}},
    Entry{{Own, GcOther, "mark stacks", 15, 99, "8 GiB reserved in 17, on the C heap in 25"},
          {{{"ZMarkStack"}}}},
    Entry{{Own, GcOther, "physical memory map", 24, 99,
           "ZPhysicalMemoryManager's own table, not the heap behind ZPhysicalMemoryBacking"},
          {{{"ZPhysicalMemoryManager::ZPhysicalMemoryManager"}}}},
    Entry{{Own, GcOther, "forwarding table", 15, 99,
           "ZGranuleMap is inlined into what it is a member of: ZHeap in 17, ZGeneration in 25"},
          {{{"ZForwarding"}, {"ZGranuleMap"}, {"ZGeneration"}, {"ZHeap::ZHeap"}}}},

    Entry{{Own, GcCardTable, "", 24, 99,
           "generational Shenandoah: two tables, for reading and for writing"},
          {{{"ShenandoahCardTable"}}}},
    Entry{{Own, GcOther, "collection set", 12, 99, "mapped at the lowest address it can have"},
          {{{"ShenandoahCollectionSet"}}}},
    Entry{{Own, GcOther, "Shenandoah", 12, 99,
           "bitmaps and region storage come from ShenandoahHeap::initialize; told apart by size"},
          {{{"Shenandoah"}}}},

    Entry{{Own, GcCardTable, "", 0, 99, "Serial and Parallel"}, {{{"CardTable::"}}}},
    Entry{{Own, GcBlockOffsetTable, "", 0, 99,
           "Serial's BlockOffsetSharedArray (17), SerialBlockOffsetTable (25); Parallel's start "
           "array"},
          {{{"BlockOffset"}, {"ObjectStartArray"}}}},
    Entry{{Own, GcMarkBitmap, "", 0, 99, "Parallel"}, {{{"ParMarkBitMap"}}}},
    Entry{{Own, GcOther, "parallel compact data", 0, 99, ""}, {{{"ParallelCompact"}}}},

    Entry{
        {InheritElseOwn, JavaHeap, "", 0, 99,
         "generations commit their share of a heap reserved before; last of the collectors' rules"},
        {{{"PSOldGen"},
          {"PSYoungGen"},
          {"PSVirtualSpace"},
          {"DefNewGeneration"},
          {"TenuredGeneration"},
          {"EpsilonHeap"},
          {"Heap::initialize"}}}},

    Entry{
        {Own, JvmInternal, "probe page", 0, 24, "a page to learn what the kernel does, given back"},
        {{{"os::init", {}, true}}}},
    Entry{{Own, JvmInternal, "safepoint page", 10, 99, ""}, {{{"SafepointMechanism"}}}},
    Entry{{Own, JvmInternal, "poison page", 11, 99, "assert() writes here in debug builds"},
          {{{"initialize_assert_poison"}}}},
    Entry{{Own, JvmInternal, "perf data", 0, 99, "what jps and jstat read"}, {{{"PerfMemory"}}}},
    Entry{{Own, ModuleImage, "", 9, 99, "lib/modules"}, {{{"ImageFileReader"}}}},
};

constexpr auto kRulesOnly = [] {
  std::array<StackRule, kRules.size()> rules{};
  for (std::size_t i = 0; i < kRules.size(); ++i) rules[i] = kRules[i].rule;
  return rules;
}();

bool is_libjvm(const event::Frame& frame) {
  return frame.module.ends_with("libjvm.so");
}

// Functions that pass a request on to malloc without wanting the memory themselves.
constexpr std::array<std::string_view, 22> kAllocatorPlumbing = {
    "os::malloc",        "os::realloc",
    "os::strdup",        "os::posix_memalign",
    "AllocateHeap",      "ReallocateHeap",
    "operator new",      "Arena::",
    "ChunkPool",         "Chunk::",
    "NMTPreInit",        "MallocSiteTable",
    "BitMap::",          "BitMapWithAllocator",
    "GrowableArray",     "Amalloc",
    "resource_allocate", "HashtableImpl",
    "ArrayAllocator",    "PaddedArray",
    "ResourceHashtable", "MallocTracker",
};

}  // namespace

std::string_view function_name(std::string_view demangled) {
  // "[clone .part.0]" comes after the parameters; "(anonymous namespace)" and "operator()" hold
  // parentheses that open no parameter list.
  if (const auto clone = demangled.find(" [clone"); clone != std::string_view::npos) {
    demangled = demangled.substr(0, clone);
  }
  int depth = 0;
  for (std::size_t i = 0; i < demangled.size(); ++i) {
    const char c = demangled[i];
    if (c == '<') ++depth;
    if (c == '>' && depth > 0) --depth;
    if (c != '(' || depth > 0) continue;
    if (demangled.substr(i).starts_with("(anonymous namespace)")) {
      i += std::string_view("(anonymous namespace)").size() - 1;
      continue;
    }
    if (demangled.substr(i).starts_with("()") && demangled.substr(0, i).ends_with("operator")) {
      i += 1;
      continue;
    }
    return demangled.substr(0, i);
  }
  return demangled;
}

const StackRule* match_stack(std::span<const event::Frame> frames) {
  // The first rule wins over the innermost frame, so every frame is asked before the next rule is.
  std::size_t best = kRules.size();
  for (const event::Frame& frame : frames) {
    if (frame.symbol.empty()) continue;
    const std::string_view name = function_name(frame.symbol);
    for (std::size_t i = 0; i < best; ++i) {
      if (kRules[i].matches(name)) best = i;
    }
  }
  return best < kRules.size() ? &kRulesOnly[best] : nullptr;
}

std::span<const StackRule> stack_rules() {
  return kRulesOnly;
}

std::string_view malloc_purpose(std::span<const event::Frame> frames) {
  for (const event::Frame& frame : frames) {
    if (!is_libjvm(frame) || frame.symbol.empty()) continue;
    const std::string_view name = function_name(frame.symbol);
    const bool plumbing = std::ranges::any_of(
        kAllocatorPlumbing, [&](std::string_view part) { return name.find(part) != name.npos; });
    if (plumbing) continue;
    if (name.starts_with("SymbolTable::")) return "symbol table";
    if (name.starts_with("StringTable::")) return "string table";
    return name;
  }
  return {};
}

bool allocates_direct_buffer(std::span<const event::Frame> frames) {
  return std::ranges::any_of(frames, [](const event::Frame& frame) {
    return frame.symbol.starts_with("Unsafe_AllocateMemory") ||
           frame.symbol.starts_with("Unsafe_ReallocateMemory");
  });
}

bool maps_file_channel(std::span<const event::Frame> frames) {
  return std::ranges::any_of(frames, [](const event::Frame& frame) {
    return frame.symbol.starts_with("Java_sun_nio_ch_FileChannelImpl_map") ||
           frame.symbol.starts_with("Java_sun_nio_ch_UnixFileDispatcherImpl_map") ||
           frame.symbol.starts_with("Java_sun_nio_ch_FileDispatcherImpl_map") ||
           frame.module.ends_with("/libnio.so");
  });
}

}  // namespace ft::jvm
