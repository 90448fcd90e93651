#include "jvm/stack_rules.h"

#include <gtest/gtest.h>

#include "jvm/threads.h"

namespace ft::jvm {
namespace {

std::vector<event::Frame> frames(std::initializer_list<std::string_view> symbols,
                                 std::string_view module = "/jdk/lib/server/libjvm.so") {
  std::vector<event::Frame> frames;
  for (const std::string_view symbol : symbols) {
    event::Frame frame;
    frame.symbol = symbol;
    frame.module = module;
    frames.push_back(std::move(frame));
  }
  return frames;
}

std::string_view owner(std::initializer_list<std::string_view> symbols) {
  const StackRule* rule = match_stack(frames(symbols));
  return rule == nullptr ? "no rule" : name_of(rule->subsystem);
}

RuleEffect effect(std::initializer_list<std::string_view> symbols) {
  const StackRule* rule = match_stack(frames(symbols));
  return rule == nullptr ? RuleEffect::Own : rule->effect;
}

TEST(FunctionName, LeavesParametersAndSuffixesAway) {
  EXPECT_EQ(function_name("os::init()"), "os::init");
  EXPECT_EQ(function_name("PerfMemory::initialize() [clone .part.0]"), "PerfMemory::initialize");
  EXPECT_EQ(function_name("(anonymous namespace)::f(int)"), "(anonymous namespace)::f");
  EXPECT_EQ(function_name("A::operator()(int) const"), "A::operator()");
  EXPECT_EQ(function_name("void f<int (*)(char)>(int)"), "void f<int (*)(char)>");
  EXPECT_EQ(function_name("malloc"), "malloc");
  EXPECT_EQ(function_name("a>b(c"), "a>b");
  EXPECT_EQ(function_name(""), "");
}

TEST(StackRules, MatchNamesNotParameters) {
  EXPECT_EQ(owner({"Helper::run(ShenandoahHeap*)"}), "no rule");
  EXPECT_EQ(owner({"ShenandoahHeap::initialize()"}), "GC other");
}

TEST(StackRules, AnEarlierRuleInAnOuterFrameWins) {
  // Both are on the stack; the reservation rule stands before the CDS rule.
  EXPECT_EQ(effect({"FileMapInfo::reserve(unsigned long)",
                    "MetaspaceShared::reserve_address_space_for_archives(FileMapInfo*)"}),
            RuleEffect::CdsAndClassSpace);
  EXPECT_EQ(effect({"FileMapInfo::map_heap_regions_impl()", "MetaspaceShared::map_archives()"}),
            RuleEffect::CdsHeapObjects);
  // Metaspace::global_initialize is below all of start-up's metaspace work.
  EXPECT_EQ(owner({"metaspace::VirtualSpaceNode::create_node(unsigned long)",
                   "Metaspace::global_initialize()"}),
            "Metaspace");
  EXPECT_EQ(owner({"ReservedSpace::reserve(unsigned long)", "Metaspace::global_initialize()"}),
            "Class space");
}

TEST(StackRules, SpeakTheNamesOfBothReleases) {
  EXPECT_EQ(owner({"ReservedHeapSpace::ReservedHeapSpace(unsigned long)"}), "Java heap");
  EXPECT_EQ(owner({"HeapReserver::Instance::try_reserve_range(char*)"}), "Java heap");
  EXPECT_EQ(owner({"ReservedCodeSpace::ReservedCodeSpace(unsigned long)"}), "Code cache");
  EXPECT_EQ(owner({"CodeMemoryReserver::reserve(unsigned long)"}), "Code cache");
  EXPECT_EQ(owner({"CompressedKlassPointers::establish_protection_zone(unsigned char*)"}),
            "CDS archive");
  EXPECT_EQ(owner({"G1CMMarkStack::resize(unsigned long)"}), "GC other");
  EXPECT_EQ(owner({"G1CMMarkStack::ChunkAllocator::reserve(unsigned long)"}), "GC other");
  EXPECT_EQ(owner({"SerialBlockOffsetTable::SerialBlockOffsetTable()"}), "GC block offset table");
  EXPECT_EQ(owner({"ObjectStartArray::initialize(MemRegion)"}), "GC block offset table");
  EXPECT_EQ(owner({"ParMarkBitMap::initialize(MemRegion)", "PSParallelCompact::initialize()"}),
            "GC mark bitmap");
  EXPECT_EQ(owner({"ZVirtualMemoryManager::pd_reserve(unsigned long, unsigned long)"}),
            "Java heap");
  EXPECT_EQ(owner({"ZVirtualMemoryReserver::reserve_contiguous(unsigned long)"}), "Java heap");
  EXPECT_EQ(owner({"ZVirtualMemoryManager::ZVirtualMemoryManager(unsigned long)"}), "no rule");
  EXPECT_EQ(owner({"ZPartition::prime()"}), "Java heap");
  EXPECT_EQ(owner({"ShenandoahCardTable::initialize()", "ShenandoahHeap::initialize()"}),
            "GC card table");
}

TEST(StackRules, OnlyTheWholeNameOfAShortFunctionCounts) {
  EXPECT_EQ(owner({"os::init()"}), "JVM internal");
  EXPECT_EQ(owner({"os::init_2()"}), "no rule");
}

TEST(StackRules, GuardsAndCommitsLeaveTheOwnerAlone) {
  EXPECT_EQ(effect({"os::guard_memory(char*, unsigned long)"}), RuleEffect::StackGuard);
  EXPECT_EQ(
      effect({"G1PageBasedVirtualSpace::commit(unsigned long)", "FileMapInfo::map_regions()"}),
      RuleEffect::Own);  // the CDS rule comes first, and a commit inherits anyhow
  EXPECT_EQ(effect({"G1PageBasedVirtualSpace::uncommit(unsigned long)"}), RuleEffect::Inherit);
  EXPECT_EQ(effect({"ShenandoahHeapRegion::do_commit()"}), RuleEffect::Inherit);
  EXPECT_EQ(effect({"PSOldGen::PSOldGen()"}), RuleEffect::InheritElseOwn);
}

TEST(StackRules, EachHasReasonOrNameAndReleases) {
  EXPECT_GE(stack_rules().size(), 25U);
  for (const StackRule& rule : stack_rules()) {
    EXPECT_FALSE(rule.why.empty() && rule.detail.empty()) << name_of(rule.subsystem);
    EXPECT_LE(rule.first_jdk, rule.last_jdk);
  }
}

TEST(MallocPurpose, IsWhoWantedTheMemory) {
  EXPECT_EQ(malloc_purpose(frames({"os::malloc(unsigned long)", "AllocateHeap(unsigned long)",
                                   "StringTable::create_table()", "universe_init()"})),
            "string table");
  EXPECT_EQ(malloc_purpose(frames({"os::malloc(unsigned long)", "Arena::grow(unsigned long)",
                                   "ClassFileParser::parse(int)"})),
            "ClassFileParser::parse");
  EXPECT_EQ(malloc_purpose(frames({"main"}, "/bin/x")), "");
}

TEST(Threads, AreTheJvmsOrJavas) {
  EXPECT_EQ(kind_of_thread_name("GC Thread#0"), ThreadKind::Jvm);
  EXPECT_EQ(kind_of_thread_name("C2 CompilerThre"), ThreadKind::Jvm);
  EXPECT_EQ(kind_of_thread_name("VM Periodic Tas"), ThreadKind::Jvm);
  EXPECT_EQ(kind_of_thread_name("Reference Handl"), ThreadKind::Java);
  EXPECT_EQ(kind_of_thread_name("pool-1-thread-1"), ThreadKind::Java);
  EXPECT_EQ(kind_of_thread_name("java"), ThreadKind::Unknown);
  EXPECT_EQ(kind_of_thread_name(""), ThreadKind::Unknown);
  EXPECT_EQ(kind_of_creator(frames({"os::create_thread(Thread*)", "JVM_StartThread"})),
            ThreadKind::Java);
  EXPECT_EQ(kind_of_creator(frames({"os::create_thread(Thread*)", "WatcherThread::start()"})),
            ThreadKind::Jvm);
  EXPECT_EQ(kind_of_creator(frames({"g_thread_new"}, "/usr/lib/libglib.so")), ThreadKind::Unknown);
}

}  // namespace
}  // namespace ft::jvm
