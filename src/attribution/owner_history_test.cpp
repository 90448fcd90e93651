#include "attribution/owner_history.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <random>

#include "attribution/trace_builder.h"

namespace ft::attribution {
namespace {

using event::SyscallNumber;
using jvm::Subsystem;
using namespace testing;

constexpr std::uint64_t kHeap = 0x600000000;
constexpr std::uint64_t kHigh = 0x7f0000000000;
constexpr Nanoseconds kEnd = Nanoseconds{1} << 60;

class History : public ::testing::Test {
 protected:
  // "Java heap / CDS objects", "nothing" where nothing is mapped.
  std::string at(std::uint64_t address, Nanoseconds ts = kEnd, event::Pid pid = kPid) {
    if (!history_) history_.emplace(OwnerHistory::build(b.trace));
    const Region* region = history_->region_at(pid, address, ts);
    if (region == nullptr) return "nothing";
    return describe(history_->owners()[region->owner]);
  }
  Evidence evidence(std::uint64_t address, Nanoseconds ts = kEnd) {
    if (!history_) history_.emplace(OwnerHistory::build(b.trace));
    return history_->owners()[history_->owner_at(kPid, address, ts)].evidence;
  }
  std::string of_call(std::size_t index) {
    if (!history_) history_.emplace(OwnerHistory::build(b.trace));
    return describe(history_->owners()[history_->owner_of_syscall(index)]);
  }
  static std::string describe(const Owner& owner) {
    std::string text(name_of(owner.subsystem));
    if (!owner.detail.empty()) text += " / " + owner.detail;
    return text;
  }
  std::size_t contradictions() {
    if (!history_) history_.emplace(OwnerHistory::build(b.trace));
    return history_->contradictions().size();
  }

  void reserve_heap(std::uint64_t size = 8 * kGiB) {
    b.mmap(kHeap, size, PROT_NONE, kReserve,
           {"jvm!os::pd_attempt_reserve_memory_at(char*, unsigned long, bool)",
            "jvm!ReservedHeapSpace::ReservedHeapSpace(unsigned long)"},
           kHeap);
  }
  // The arena of a new thread: reserve, trim to alignment, make the start usable.
  void make_arena(std::uint64_t aligned, Frames frames) {
    b.mmap(aligned - 0x1000000, 2 * 64 * kMiB, PROT_NONE, kReserve, frames);
    b.munmap(aligned - 0x1000000, 0x1000000, frames);
    b.munmap(aligned + 64 * kMiB, 0x3000000, frames);
    b.mprotect(aligned, 135168, kRw, frames);
  }

  TraceBuilder b;
  std::optional<OwnerHistory> history_;
};

TEST_F(History, CommitInheritsWhateverItsStackSays) {
  reserve_heap();
  b.mmap(kHeap, 256 * kMiB, kRw, kCommit, {"jvm!G1PageBasedVirtualSpace::commit(unsigned long)"});
  b.mmap(kHeap + 256 * kMiB, kMiB, kRw, kCommit, {"jvm!SafepointMechanism::default_initialize()"});
  EXPECT_EQ(at(kHeap), "Java heap");
  EXPECT_EQ(evidence(kHeap), Evidence::Inherited);
  EXPECT_EQ(at(kHeap + 256 * kMiB), "Java heap");
  EXPECT_EQ(at(kHeap + kGiB), "Java heap");
  EXPECT_EQ(evidence(kHeap + kGiB), Evidence::Stack);
}

TEST_F(History, UncommitByMmapIsReservedAgain) {
  reserve_heap();
  b.mmap(kHeap, kMiB, kRw, kCommit);
  const Nanoseconds committed = b.now;
  b.mmap(kHeap, kMiB, PROT_NONE, kUncommit);
  EXPECT_EQ(at(kHeap), "Java heap");
  EXPECT_TRUE(history_->region_at(kPid, kHeap, committed)->committed);
  EXPECT_FALSE(history_->region_at(kPid, kHeap, b.now)->committed);
}

TEST_F(History, ProtNoneAfterCommitStaysCommitted) {
  b.mmap(kHigh, 8192, PROT_NONE, kReserve, {"jvm!SafepointMechanism::default_initialize()"});
  b.mmap(kHigh, 8192, kRw, kCommit);
  b.mprotect(kHigh, 4096, PROT_NONE);
  b.mprotect(kHigh + 4096, 4096, PROT_READ);
  EXPECT_EQ(at(kHigh), "JVM internal / safepoint page");
  EXPECT_TRUE(history_->region_at(kPid, kHigh, kEnd)->committed);
  EXPECT_EQ(history_->region_at(kPid, kHigh, kEnd)->prot, 0U);
  EXPECT_EQ(history_->region_at(kPid, kHigh + 4096, kEnd)->prot, 1U);
}

TEST_F(History, ArchiveHeapCommitsOfSeventeenDoNotPullBitmapsIntoTheHeap) {
  reserve_heap();
  b.mmap(kHigh, 128 * kMiB, PROT_NONE, kReserve,
         {"jvm!G1CollectedHeap::create_aux_memory_mapper(char const*, unsigned long)"});
  const Frames frames = {"jvm!G1PageBasedVirtualSpace::commit(unsigned long, unsigned long)",
                         "jvm!FileMapInfo::map_heap_regions_impl()"};
  b.mmap(kHeap + 8 * kGiB - 4 * kMiB, 4 * kMiB, kRw, kCommit, frames);
  b.mmap(kHigh + 127 * kMiB, 65536, kRw, kCommit, frames);
  b.map_file(kHeap + 8 * kGiB - 4 * kMiB, 491520, kRw, MAP_PRIVATE | MAP_FIXED,
             "/jdk/lib/server/classes.jsa", {"jvm!FileMapInfo::map_heap_regions_impl()"});
  EXPECT_EQ(at(kHeap + 8 * kGiB - 4 * kMiB), "Java heap / CDS objects");
  EXPECT_EQ(at(kHeap + 8 * kGiB - kMiB), "Java heap");
  EXPECT_NE(at(kHigh + 127 * kMiB), "Java heap");
}

TEST_F(History, SplitsArchiveFromClassSpaceOnWhatOutlivedTheTrims) {
  const Frames frames = {
      "jvm!ReservedSpace::reserve(unsigned long)",
      "jvm!MetaspaceShared::reserve_address_space_for_archives(FileMapInfo*, FileMapInfo*)",
      "jvm!Metaspace::global_initialize()"};
  // The first attempt is misaligned and given back; the second is 16 MiB larger and trimmed.
  b.mmap(kHigh + 0x800000, 1040 * kMiB, PROT_NONE, kReserve, frames);
  b.munmap(kHigh + 0x800000, 1040 * kMiB, frames);
  b.mmap(kHigh - 0x800000, 1056 * kMiB, PROT_NONE, kReserve, frames);
  b.munmap(kHigh - 0x800000, 0x800000, frames);
  b.munmap(kHigh + 1040 * kMiB, 0x800000, frames);
  b.map_file(kHigh, 4538368, kRw, MAP_PRIVATE | MAP_FIXED, "/jdk/lib/server/classes.jsa",
             {"jvm!FileMapInfo::map_regions()", "jvm!Metaspace::global_initialize()"});
  b.mmap(kHigh + 16 * kMiB, 65536, kRw, kCommit,
         {"jvm!metaspace::VirtualSpaceNode::commit_range(unsigned int*, unsigned long)"});
  EXPECT_EQ(at(kHigh), "CDS archive");
  EXPECT_EQ(at(kHigh + 16 * kMiB - 1), "CDS archive");
  EXPECT_EQ(at(kHigh + 16 * kMiB), "Class space");
  EXPECT_EQ(evidence(kHigh + 16 * kMiB), Evidence::Inherited);
  EXPECT_EQ(at(kHigh + 1040 * kMiB - 1), "Class space");
  EXPECT_EQ(at(kHigh + 1040 * kMiB), "nothing");
}

TEST_F(History, ClassSpaceOfAnySizeBesideItsArchive) {
  b.mmap(kHigh, 16 * kMiB + 256 * kMiB, PROT_NONE, kReserve,
         {"jvm!MetaspaceShared::reserve_address_space_for_archives(FileMapInfo*)"});
  b.map_file(kHigh + 4096, 12 * kMiB, kRw, MAP_PRIVATE | MAP_FIXED, "/jdk/lib/server/classes.jsa",
             {"jvm!FileMapInfo::map_regions()"});
  EXPECT_EQ(at(kHigh + 15 * kMiB), "CDS archive");
  EXPECT_EQ(at(kHigh + 16 * kMiB), "Class space");
}

TEST_F(History, WithoutArchiveTheClassSpaceStandsAlone) {
  b.mmap(kHigh, kGiB, PROT_NONE, kReserve,
         {"jvm!ReservedSpace::reserve(unsigned long)", "jvm!Metaspace::global_initialize()"});
  EXPECT_EQ(at(kHigh), "Class space");
}

TEST_F(History, NamesG1TablesOfSeventeenByOrderAndSize) {
  const Frames frames = {"jvm!ReservedSpace::reserve(unsigned long)",
                         "jvm!G1CollectedHeap::create_aux_memory_mapper(char const*)",
                         "jvm!G1CollectedHeap::initialize()"};
  // A misaligned first attempt does not count.
  b.mmap(kHigh, 16 * kMiB, PROT_NONE, kReserve, frames);
  b.munmap(kHigh, 16 * kMiB, frames);
  for (std::uint64_t i = 0; i < 3; ++i) {
    b.mmap(kHigh + i * kGiB, 16 * kMiB, PROT_NONE, kReserve, frames);
  }
  for (std::uint64_t i = 3; i < 5; ++i) {
    b.mmap(kHigh + i * kGiB, 128 * kMiB, PROT_NONE, kReserve, frames);
  }
  EXPECT_EQ(at(kHigh), "GC block offset table");
  EXPECT_EQ(at(kHigh + kGiB), "GC card table");
  EXPECT_EQ(at(kHigh + 2 * kGiB), "GC card counts");
  EXPECT_EQ(at(kHigh + 3 * kGiB), "GC mark bitmap / previous");
  EXPECT_EQ(at(kHigh + 4 * kGiB), "GC mark bitmap / next");
  EXPECT_EQ(evidence(kHigh), Evidence::Size);
}

TEST_F(History, EndOfTheProcessIsNoGivingBack) {
  b.mmap(kHigh, 16 * kMiB, PROT_NONE, kReserve,
         {"jvm!G1CollectedHeap::create_aux_memory_mapper()"});
  const Nanoseconds alive = b.now;
  event::Process process;
  process.pid = kPid;
  process.end_ts = b.now + 10;
  b.trace.processes.push_back(process);
  EXPECT_EQ(at(kHigh, alive), "GC block offset table");
}

TEST_F(History, NamesG1TablesOfTwentyFive) {
  const Frames frames = {"jvm!G1CollectedHeap::create_aux_memory_mapper(char const*)"};
  b.mmap(kHigh, 16 * kMiB, PROT_NONE, kReserve, frames);
  b.mmap(kHigh + kGiB, 16 * kMiB, PROT_NONE, kReserve, frames);
  b.mmap(kHigh + 2 * kGiB, 128 * kMiB, PROT_NONE, kReserve, frames);
  EXPECT_EQ(at(kHigh), "GC block offset table");
  EXPECT_EQ(at(kHigh + kGiB), "GC card table");
  EXPECT_EQ(at(kHigh + 2 * kGiB), "GC mark bitmap");
}

TEST_F(History, AProbesNameBeatsTheOrder) {
  const Frames frames = {"jvm!G1CollectedHeap::create_aux_memory_mapper(char const*)"};
  b.trace.meta["probe.aux.0"] = "500 100 16777216 512 Card Table";
  b.trace.meta["probe.aux.1"] = "1500 100 134217728 64 Mark Bitmap";
  b.trace.meta["probe.aux.2"] = "not a probe";
  b.mmap(kHigh, 16 * kMiB, PROT_NONE, kReserve, frames);
  b.mmap(kHigh + kGiB, 128 * kMiB, PROT_NONE, kReserve, frames);
  EXPECT_EQ(at(kHigh), "GC card table");
  EXPECT_EQ(evidence(kHigh), Evidence::Probe);
  EXPECT_EQ(at(kHigh + kGiB), "GC mark bitmap");
}

TEST_F(History, TellsAnArenaFromABitmapOfTheSameSize) {
  make_arena(kHigh, {"c!", "c!malloc", "jvm!os::current_stack_base()"});
  b.mmap(kHigh + 4 * kGiB, 128 * kMiB, PROT_NONE, kReserve,
         {"jvm!G1CollectedHeap::create_aux_memory_mapper(char const*)"});
  EXPECT_EQ(at(kHigh), "C heap / arena 1");
  EXPECT_EQ(at(kHigh + 4 * kGiB), "GC block offset table");  // alone, it is the first of its kind
}

TEST_F(History, ArenasAreKnownByTheirShapeAlone) {
  b.map_file(0x1000000, kMiB, PROT_READ, MAP_PRIVATE, kLibjvm);
  make_arena(kHigh, {});
  b.mmap(kHigh + kGiB, 64 * kMiB, PROT_NONE, kReserve);  // the retry behind the last arena
  b.mprotect(kHigh + kGiB, 135168, kRw);
  b.mmap(kHigh + 2 * kGiB, 64 * kMiB, PROT_NONE, kReserve);  // a metaspace node
  b.mmap(kHigh + 2 * kGiB, 65536, kRw, kCommit);
  EXPECT_EQ(at(kHigh), "C heap / arena 1");
  EXPECT_EQ(at(kHigh + kGiB), "C heap / arena 2");
  EXPECT_EQ(evidence(kHigh), Evidence::ArenaShape);
  EXPECT_EQ(at(kHigh + 2 * kGiB), "Metaspace");
}

TEST_F(History, LargeChunksSayWhoAskedForThem) {
  b.mmap(kHigh, 266240, kRw, MAP_PRIVATE | MAP_ANONYMOUS,
         {"c!__mmap", "c!timer_settime", "c!malloc", "jvm!os::malloc(unsigned long)",
          "jvm!AllocateHeap(unsigned long)", "jvm!SymbolTable::create_table()"});
  b.mmap(
      kHigh + kGiB, kMiB, kRw, MAP_PRIVATE | MAP_ANONYMOUS,
      {"c!malloc", "jvm!os::malloc(unsigned long)", "jvm!Unsafe_AllocateMemory0(JNIEnv_*, long)"});
  EXPECT_EQ(at(kHigh), "C heap / symbol table");
  EXPECT_EQ(at(kHigh + kGiB), "Direct and mapped buffers / direct");
}

TEST_F(History, MappedBuffersAreKnownByFileChannel) {
  b.map_file(kHigh, kMiB, kRw, MAP_SHARED, "/data/index.bin",
             {"c!mmap64", "/jdk/lib/libnio.so!Java_sun_nio_ch_UnixFileDispatcherImpl_map0"});
  b.map_file(kHigh + kGiB, kMiB, PROT_READ, MAP_SHARED, "/data/other.bin", {"c!mmap64", "/x!main"});
  EXPECT_EQ(at(kHigh), "Direct and mapped buffers / index.bin");
  EXPECT_EQ(at(kHigh + kGiB), "Other files / other.bin");
}

TEST_F(History, ThreadStacksByGuardNameAndCreator) {
  b.mmap(kHigh, kMiB, kRw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
         {"c!pthread_create", "/jdk/lib/libjli.so!CallJavaMainInNewThread"});
  b.call(SyscallNumber::Clone3, {}, 101);
  b.mmap(kHigh + kGiB, kMiB + 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
         {"c!pthread_create", "jvm!os::create_thread(Thread*, os::ThreadType)"});
  b.mprotect(kHigh + kGiB + 4096, kMiB, kRw);
  b.call(SyscallNumber::Clone3, {}, 102);
  b.mmap(
      kHigh + 2 * kGiB, kMiB, kRw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
      {"c!pthread_create", "jvm!os::create_thread(Thread*)", "jvm!CompileBroker::make_thread()"});
  b.call(SyscallNumber::Clone3, {}, 103);
  b.tid = 103;
  const Frames guard = {"jvm!os::guard_memory(char*, unsigned long)",
                        "jvm!StackOverflow::create_stack_guard_pages()"};
  b.mmap(kHigh + 2 * kGiB, 16384, kRw, kCommit, guard);
  b.mprotect(kHigh + 2 * kGiB, 16384, PROT_NONE, guard);
  b.thread(101, "java");
  b.thread(102, "GC Thread#0");
  b.thread(103, "C2 CompilerThre");
  EXPECT_EQ(at(kHigh), "Java thread stacks / main");
  EXPECT_EQ(at(kHigh + kGiB + 4096), "JVM thread stacks / GC Thread#0");
  EXPECT_EQ(at(kHigh + 2 * kGiB), "JVM thread stacks / C2 CompilerThre, guard");
  EXPECT_EQ(at(kHigh + 2 * kGiB + 16384), "JVM thread stacks / C2 CompilerThre");
  EXPECT_EQ(evidence(kHigh), Evidence::ThreadStack);
  // glibc's own guard page was never accessible; HotSpot's zones were committed.
  EXPECT_FALSE(history_->region_at(kPid, kHigh + kGiB, kEnd)->committed);
  EXPECT_TRUE(history_->region_at(kPid, kHigh + 2 * kGiB, kEnd)->committed);
}

TEST_F(History, ZgcMapsOneHeapThreeTimes) {
  for (std::uint64_t view = 0; view < 3; ++view) {
    b.mmap(std::uint64_t{1} << (42 + view), 128 * kGiB, PROT_NONE, kReserve,
           {"jvm!ZVirtualMemoryManager::pd_reserve(unsigned long, unsigned long)",
            "jvm!ZVirtualMemoryManager::ZVirtualMemoryManager(unsigned long)"});
  }
  for (std::uint64_t view = 0; view < 3; ++view) {
    b.map_file(std::uint64_t{1} << (42 + view), 256 * kMiB, kRw, MAP_SHARED | MAP_FIXED,
               "/memfd:java_heap (deleted)", {"jvm!ZPhysicalMemoryBacking::map(unsigned long)"});
  }
  EXPECT_EQ(at(std::uint64_t{1} << 42), "Java heap / view 0");
  EXPECT_EQ(at((std::uint64_t{1} << 43) + kGiB), "Java heap / view 1");
  EXPECT_EQ(at(std::uint64_t{1} << 44), "Java heap / view 2");
}

TEST_F(History, ZgcsPhysicalMapIsNotTheHeap) {
  b.mmap(
      kHigh, 262144, PROT_NONE, kReserve,
      {"jvm!ZPhysicalMemoryManager::ZPhysicalMemoryManager(unsigned long)", "jvm!ZHeap::ZHeap()"});
  EXPECT_EQ(at(kHigh), "GC other / physical memory map");
}

TEST_F(History, CodeSegmentsAreNamedByWhereTheyLie) {
  const std::uint64_t non_nmethods = kHigh + 120032 * kKiB;
  const std::uint64_t non_profiled = non_nmethods + 5692 * kKiB;
  b.mmap(kHigh, 251658240, PROT_NONE, kReserve,
         {"jvm!ReservedCodeSpace::ReservedCodeSpace(unsigned long)"});
  const Frames reserve = {"jvm!VirtualSpace::expand_by(unsigned long, bool)",
                          "jvm!CodeHeap::reserve(ReservedSpace, unsigned long, unsigned long)"};
  for (const std::uint64_t start : {non_nmethods, kHigh, non_profiled}) {
    b.mmap(start, 2555904, kRw | PROT_EXEC, kCommit, reserve);
  }
  b.mmap(kHigh + 2555904, 65536, kRw | PROT_EXEC, kCommit,
         {"jvm!CodeHeap::expand_by(unsigned long)"});
  b.mmap(kHigh + kGiB, 49152, PROT_NONE, kReserve, reserve);
  EXPECT_EQ(at(kHigh), "Code cache / profiled");
  EXPECT_EQ(at(non_nmethods - 1), "Code cache / profiled");
  EXPECT_EQ(at(non_nmethods), "Code cache / non-nmethods");
  EXPECT_EQ(at(non_profiled), "Code cache / non-profiled");
  EXPECT_EQ(at(kHigh + kGiB), "Code cache / segment map");
}

TEST_F(History, ThreadsRaceForAddresses) {
  // Thread 1's munmap frees the range at its start; thread 2 is given it before munmap returns, and
  // has it only when its mmap returns.
  b.mmap(kHigh, 8192, kRw, MAP_PRIVATE | MAP_ANONYMOUS, {"c!malloc"});
  b.munmap(kHigh, 8192).dur = 50000;
  const Nanoseconds unmap_ts = b.now;
  event::Syscall& map = b.mmap(kHigh, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, {"c!malloc"});
  map.ts = unmap_ts - 500;  // started before, ended inside the munmap
  map.dur = 1000;
  std::ranges::stable_sort(b.trace.syscalls, {}, &event::Syscall::ts);
  EXPECT_EQ(contradictions(), 0U);
  ASSERT_NE(at(kHigh), "nothing");
  EXPECT_EQ(history_->region_at(kPid, kHigh, kEnd)->prot, 1U);
}

// As with -XX:+UseLargePages and a pool that is too small.
TEST_F(History, AFixedMappingThatFindsNoHugePageLeavesAHole) {
  reserve_heap();
  b.mmap(kHeap, 256 * kMiB, kRw, kCommit | MAP_HUGETLB, {"jvm!os::commit_memory_special()"}).ret =
      -ENOMEM;
  const Nanoseconds failed = b.now;
  b.mmap(kHeap, 2 * kMiB, kRw, kCommit, {"jvm!SafepointMechanism::default_initialize()"});
  EXPECT_EQ(contradictions(), 0U);
  EXPECT_EQ(at(kHeap, failed), "nothing");
  EXPECT_EQ(at(kHeap), "Java heap");
  EXPECT_EQ(evidence(kHeap), Evidence::Inherited);
  EXPECT_EQ(at(kHeap + 2 * kMiB), "nothing");
  EXPECT_EQ(at(kHeap + 256 * kMiB), "Java heap");
}

// Another errno, or no huge pages asked for: refused before anything was changed.
TEST_F(History, OtherFailuresLeaveWhatWasThere) {
  reserve_heap();
  b.mmap(kHeap, 256 * kMiB, kRw, kCommit | MAP_HUGETLB, {"jvm!os::commit_memory_special()"}).ret =
      -EINVAL;
  b.mmap(kHeap + kGiB, 2 * kMiB, kRw, kCommit, {"jvm!os::commit_memory()"}).ret = -ENOMEM;
  EXPECT_EQ(at(kHeap), "Java heap");
  EXPECT_EQ(at(kHeap + kGiB), "Java heap");
}

TEST_F(History, FailedAndUnfinishedCallsHaveNoEffect) {
  b.mmap(kHigh, 4096, kRw, MAP_PRIVATE | MAP_ANONYMOUS, {"c!malloc"});
  b.munmap(kHigh, 4096).ret = -22;
  b.munmap(kHigh, 4096).finished = false;
  b.mmap(0, 2 * kMiB, kRw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
         {"jvm!ReservedHeapSpace::ReservedHeapSpace()"})
      .ret = -12;
  EXPECT_NE(at(kHigh), "nothing");
  EXPECT_EQ(history_->regions().size(), 1U);
  EXPECT_EQ(of_call(3), "Java heap");  // the attempt's owner is known all the same
}

TEST_F(History, BrkGrowsShrinksAndAnswers) {
  b.brk(0, 0x5000000);
  b.brk(0x5021000, 0x5021000);
  b.brk(0x9000000, 0x5021000);  // refused
  b.brk(0x5001000, 0x5001000);
  const Nanoseconds grown = b.now - 1000;
  EXPECT_EQ(at(0x5010000, grown), "C heap / brk");
  EXPECT_EQ(at(0x5010000), "nothing");
  EXPECT_EQ(at(0x5000000), "C heap / brk");
  EXPECT_EQ(contradictions(), 0U);
}

TEST_F(History, MremapKeepsTheOwner) {
  b.mmap(kHigh, 135168, kRw, MAP_PRIVATE | MAP_ANONYMOUS, {"c!malloc"});
  b.call(SyscallNumber::Mremap, {kHigh, 135168, 266240, MREMAP_MAYMOVE},
         static_cast<std::int64_t>(kHigh + kGiB), {"c!realloc"});
  b.call(SyscallNumber::Mremap, {kHigh + kGiB, 266240, 528384, MREMAP_MAYMOVE},
         static_cast<std::int64_t>(kHigh + kGiB), {"c!realloc"});
  b.call(SyscallNumber::Mremap, {kHigh + kGiB, 528384, 4096, MREMAP_MAYMOVE},
         static_cast<std::int64_t>(kHigh + kGiB), {"c!realloc"});
  EXPECT_EQ(at(kHigh), "nothing");
  EXPECT_EQ(at(kHigh + kGiB), "C heap");
  EXPECT_EQ(at(kHigh + kGiB + 500000, b.now - 1), "C heap");
  EXPECT_EQ(at(kHigh + kGiB + 4096), "nothing");
}

TEST_F(History, SharedMemoryHasTheSizeItWasMadeWith) {
  b.call(SyscallNumber::Shmget, {0, 10000, 0}, 7);
  b.call(SyscallNumber::Shmat, {7, 0, 0}, static_cast<std::int64_t>(kHigh));
  const Nanoseconds attached = b.now;
  b.call(SyscallNumber::Shmdt, {kHigh}, 0);
  EXPECT_EQ(at(kHigh + 8192, attached), "Other files / System V shared memory");
  EXPECT_EQ(at(kHigh + 12288, attached), "nothing");
  EXPECT_EQ(at(kHigh), "nothing");
}

constexpr const char* kExecMaps =
    "555555554000-555555555000 r--p 00000000 fe:00 10                         /usr/bin/cat\n"
    "555555555000-555555559000 r-xp 00001000 fe:00 10                         /usr/bin/cat\n"
    "555555559000-55555555a000 rw-p 00005000 fe:00 10                         /usr/bin/cat\n"
    "55555555a000-55555555b000 rw-p 00000000 00:00 0 \n"
    "7ffff7fc0000-7ffff7fc4000 r--p 00000000 00:00 0                          [vvar]\n"
    "7ffff7fc6000-7ffff7ffc000 r-xp 00001000 fe:00 11                         "
    "/usr/lib/ld-linux-x86-64.so.2\n"
    "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]\n";

TEST_F(History, ExecReplacesTheSpaceByItsSnapshot) {
  b.mmap(kHigh, 4096, kRw, MAP_PRIVATE | MAP_ANONYMOUS, {"c!malloc"});
  const Nanoseconds before = b.now;
  b.call(SyscallNumber::Execve, {}, 0);
  b.snapshot("exec", kExecMaps);
  b.mprotect(0x555555554000, 4096, PROT_READ | PROT_WRITE);
  b.munmap(0x7ffff7fc0000, 4096);
  EXPECT_NE(at(kHigh, before), "nothing");
  EXPECT_EQ(at(kHigh), "nothing");
  EXPECT_EQ(at(0x555555555000), "Libraries / cat");
  EXPECT_EQ(at(0x55555555a000), "Libraries / cat");  // .bss
  EXPECT_EQ(at(0x7ffff7fc1000), "Kernel / vvar");
  EXPECT_EQ(at(0x7ffffffde000), "Main stack");
  EXPECT_EQ(evidence(0x7ffffffde000), Evidence::ProcName);
  EXPECT_EQ(contradictions(), 0U);
}

TEST_F(History, CallsBeforeTheSnapshotAreContainedInItAndKeepTheirStacks) {
  b.call(SyscallNumber::Execve, {}, 0);
  b.mmap(kHigh, 8192, kRw, MAP_PRIVATE | MAP_ANONYMOUS, {"/usr/lib/ld-linux-x86-64.so.2!x"});
  b.snapshot("exec",
             std::string(kExecMaps).insert(0, "7f0000000000-7f0000002000 rw-p 0 00:00 0 \n"));
  EXPECT_EQ(at(kHigh), "Libraries / loader");
  EXPECT_EQ(contradictions(), 0U);
}

TEST_F(History, MainStackGrowsBetweenSnapshots) {
  b.call(SyscallNumber::Execve, {}, 0);
  b.snapshot("exec", kExecMaps);
  const Nanoseconds before = b.now;
  b.snapshot("end", "7fffffe00000-7ffffffff000 rw-p 00000000 00:00 0     [stack]\n");
  EXPECT_EQ(at(0x7fffffe00000), "Main stack");
  EXPECT_EQ(at(0x7fffffe00000, before), "Main stack");  // for the fault that grew it
}

TEST_F(History, AForkedChildHasItsParentsMap) {
  b.mmap(kHigh, 8192, kRw, MAP_PRIVATE | MAP_ANONYMOUS, {"c!malloc"});
  event::Process child;
  child.pid = 200;
  child.parent = kPid;
  child.start_ts = b.now + 10;
  b.trace.processes.push_back(child);
  b.pid = 200;
  b.tid = 200;
  b.munmap(kHigh, 4096);
  EXPECT_EQ(at(kHigh, child.start_ts, 200), "C heap");
  EXPECT_EQ(at(kHigh, kEnd, 200), "nothing");
  EXPECT_EQ(at(kHigh + 4096, kEnd, 200), "C heap");
  EXPECT_EQ(at(kHigh), "C heap");
  EXPECT_EQ(at(kHigh, child.start_ts - 5, 200), "nothing");
}

TEST_F(History, AProcessThatEndedHasNothingMapped) {
  event::Process process;
  process.pid = kPid;
  b.mmap(kHigh, 8192, kRw, MAP_PRIVATE | MAP_ANONYMOUS, {"c!malloc"});
  process.end_ts = b.now + 5000;
  b.trace.processes.push_back(process);
  EXPECT_EQ(at(kHigh, b.now), "C heap");
  EXPECT_EQ(at(kHigh, process.end_ts), "nothing");
}

TEST_F(History, OtherProgramsKeepWhatNeedsNoHotSpot) {
  b.map_file(kHigh, 0x10000, PROT_READ | PROT_EXEC, MAP_PRIVATE, "/usr/lib/libpython3.11.so.1.0");
  b.mmap(kHigh + kGiB, kMiB, kRw, MAP_PRIVATE | MAP_ANONYMOUS,
         {"/usr/lib/libpython3.11.so.1.0!_PyMem_ArenaAlloc"});
  b.mmap(kHigh + 2 * kGiB, 8 * kMiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
         {"c!pthread_create"});
  make_arena(kHigh + 4 * kGiB, {"c!malloc", "/usr/bin/python3!main"});
  b.mmap(kHigh + 6 * kGiB, kGiB, PROT_NONE, kReserve);
  EXPECT_EQ(at(kHigh), "Libraries / libpython3.11.so.1.0");
  EXPECT_EQ(at(kHigh + kGiB), "Unknown / from libpython3.11.so.1.0");
  EXPECT_EQ(at(kHigh + 2 * kGiB), "Thread stacks");
  EXPECT_EQ(at(kHigh + 4 * kGiB), "C heap / arena 1");
  EXPECT_EQ(at(kHigh + 6 * kGiB), "Unknown");
}

TEST_F(History, SaysWhatContradictsItself) {
  b.call(SyscallNumber::Execve, {}, 0);
  b.snapshot("exec", kExecMaps);
  b.munmap(kHigh, 4096);
  b.mprotect(kHigh, 4096, PROT_READ);
  b.mmap(0x555555555000, 4096, kRw, MAP_PRIVATE | MAP_ANONYMOUS);
  b.mmap(0xffff800000000000, 4096, kRw, MAP_PRIVATE | MAP_ANONYMOUS);
  b.mmap(0x123, 4096, kRw, MAP_PRIVATE | MAP_ANONYMOUS);
  b.mmap(kHigh, ~std::uint64_t{0} - 4095, kRw, MAP_PRIVATE | MAP_ANONYMOUS);
  EXPECT_EQ(contradictions(), 6U);
  EXPECT_EQ(history_->contradictions()[0],
            "call 2: munmap of what was never mapped: [0x7f0000000000, 0x7f0000001000)");
}

TEST_F(History, OwnerOfEachCall) {
  b.call(SyscallNumber::MemfdCreate, {}, 3);
  b.call(SyscallNumber::Ftruncate, {3, kGiB}, 0).file = b.file("/memfd:java_heap (deleted)");
  reserve_heap();
  b.map_file(kHeap, kMiB, kRw, MAP_SHARED | MAP_FIXED, "/memfd:java_heap (deleted)");
  b.call(SyscallNumber::Madvise, {kHeap, kMiB, 14}, 0);
  b.munmap(kHeap, kMiB);
  EXPECT_EQ(of_call(0), "Unknown");
  EXPECT_EQ(of_call(1), "Java heap");
  EXPECT_EQ(of_call(2), "Java heap");
  EXPECT_EQ(of_call(4), "Java heap");
  EXPECT_EQ(of_call(5), "Java heap");
  EXPECT_EQ(of_call(999), "Unknown");
}

// Any mixture of calls: the index must answer what a plain page table with a history would.
TEST(HistoryProperty, FindsWhatAPageByPageReplayFinds) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    std::mt19937 random(seed);
    constexpr std::uint64_t kPages = 64;
    const auto number = [&](std::uint64_t below) { return random() % below; };
    TraceBuilder b;
    std::vector<std::array<int, kPages>> history;  // prot of each page after each call, -1: nothing
    std::array<int, kPages> pages;
    pages.fill(-1);
    history.push_back(pages);
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t from = number(kPages);
      const std::uint64_t count = 1 + number(kPages - from);
      const std::uint64_t address = kHigh + from * kPageSize;
      const std::uint64_t length = count * kPageSize;
      const int prot = static_cast<int>(number(4));
      switch (number(3)) {
        case 0:
          b.mmap(address, length, static_cast<std::uint32_t>(prot), kCommit);
          for (std::uint64_t p = from; p < from + count; ++p) pages[p] = prot;
          break;
        case 1:
          b.munmap(address, length);
          for (std::uint64_t p = from; p < from + count; ++p) pages[p] = -1;
          break;
        default:
          b.mprotect(address, length, static_cast<std::uint32_t>(prot));
          for (std::uint64_t p = from; p < from + count; ++p) pages[p] = pages[p] < 0 ? -1 : prot;
      }
      history.push_back(pages);
    }
    const OwnerHistory owners = OwnerHistory::build(b.trace);
    for (std::size_t i = 0; i < history.size(); ++i) {
      const auto ts = static_cast<Nanoseconds>(i) * 1000 + 500;
      std::map<std::uint64_t, const Region*> alive;
      for (const Region* region : owners.regions_at(kPid, ts)) alive[region->range.start] = region;
      for (std::uint64_t p = 0; p < kPages; ++p) {
        const Region* region = owners.region_at(kPid, kHigh + p * kPageSize + 7, ts);
        ASSERT_EQ(region == nullptr ? -1 : static_cast<int>(region->prot), history[i][p])
            << "seed " << seed << " call " << i << " page " << p;
        if (region != nullptr) {
          ASSERT_EQ(alive[region->range.start], region);
        }
      }
    }
  }
}

}  // namespace
}  // namespace ft::attribution
