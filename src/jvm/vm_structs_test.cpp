// The tables a JVM exports for debuggers, built here in a pretended memory: whole, damaged,
// endless.
#include "jvm/vm_structs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <vector>

#include "jvm/hotspot_memory.h"

namespace ft::jvm {
namespace {

// A memory of 1 MiB at kBase, and the symbols that point into it.
class PretendedJvm {
 public:
  static constexpr std::uint64_t kBase = 0x7f0000000000;

  PretendedJvm() : bytes_(1U << 20U) {
    const std::pair<const char*, std::uint64_t> columns[] = {
        {"gHotSpotVMStructEntryTypeNameOffset", 0},  {"gHotSpotVMStructEntryFieldNameOffset", 8},
        {"gHotSpotVMStructEntryIsStaticOffset", 16}, {"gHotSpotVMStructEntryOffsetOffset", 24},
        {"gHotSpotVMStructEntryAddressOffset", 32},  {"gHotSpotVMStructEntryArrayStride", 40},
        {"gHotSpotVMTypeEntryTypeNameOffset", 0},    {"gHotSpotVMTypeEntrySizeOffset", 8},
        {"gHotSpotVMTypeEntryArrayStride", 16}};
    for (const auto& [name, value] : columns) variable(name, value);
    structs_ = take(40 * 64);
    types_ = take(16 * 64);
    variable("gHotSpotVMStructs", structs_);
    variable("gHotSpotVMTypes", types_);
  }

  std::uint64_t take(std::uint64_t size) {
    const std::uint64_t at = kBase + next_;
    next_ += (size + 15) / 16 * 16;
    return at;
  }
  void put(std::uint64_t address, std::uint64_t value) {
    std::memcpy(bytes_.data() + (address - kBase), &value, sizeof value);
  }
  void variable(const std::string& name, std::uint64_t value) {
    symbols_[name] = take(8);
    put(symbols_[name], value);
  }
  std::uint64_t text(const std::string& text) {
    const std::uint64_t at = take(text.size() + 1);
    std::memcpy(bytes_.data() + (at - kBase), text.c_str(), text.size() + 1);
    return at;
  }
  void field(const char* type, const char* name, std::uint64_t offset) {
    entry(type, name, 0, offset, 0);
  }
  // A static field with that value.
  void fixed(const char* type, const char* name, std::uint64_t value) {
    const std::uint64_t at = take(8);
    put(at, value);
    entry(type, name, 1, 0, at);
  }
  void type(const char* name, std::uint64_t size) {
    put(types_ + 16 * type_count_, text(name));
    put(types_ + 16 * type_count_++ + 8, size);
  }

  FindSymbol symbol() const {
    return [this](std::string_view name) -> std::optional<std::uint64_t> {
      const auto found = symbols_.find(std::string(name));
      return found == symbols_.end() ? std::nullopt : std::optional(found->second);
    };
  }
  ReadMemory memory() const {
    return [this](std::uint64_t address, std::span<std::byte> into) {
      if (address < kBase || address - kBase > bytes_.size() - into.size()) return false;
      std::memcpy(into.data(), bytes_.data() + (address - kBase), into.size());
      return true;
    };
  }
  std::map<std::string, std::uint64_t>& symbols() { return symbols_; }
  std::uint64_t structs() const { return structs_; }

 private:
  void entry(const char* type, const char* name, std::uint64_t is_static, std::uint64_t offset,
             std::uint64_t address) {
    const std::uint64_t at = structs_ + 40 * field_count_++;
    put(at, text(type));
    put(at + 8, text(name));
    put(at + 16, is_static);
    put(at + 24, offset);
    put(at + 32, address);
  }

  std::vector<std::byte> bytes_;
  std::uint64_t next_ = 64;
  std::map<std::string, std::uint64_t> symbols_;
  std::uint64_t structs_ = 0;
  std::uint64_t types_ = 0;
  std::uint64_t field_count_ = 0;
  std::uint64_t type_count_ = 0;
};

TEST(VmStructs, ReadsFieldsAndTypes) {
  PretendedJvm jvm;
  jvm.field("CollectedHeap", "_reserved", 0x20);
  jvm.fixed("Universe", "_collectedHeap", 0x1234);
  jvm.type("JVMFlag", 24);
  const auto structs = VmStructs::read(jvm.symbol(), jvm.memory());
  ASSERT_TRUE(structs) << structs.error().message();
  EXPECT_EQ(structs->offset("CollectedHeap", "_reserved"), 0x20U);
  EXPECT_EQ(structs->address("CollectedHeap", "_reserved"), std::nullopt);
  ASSERT_TRUE(structs->address("Universe", "_collectedHeap"));
  EXPECT_EQ(
      read_value<std::uint64_t>(jvm.memory(), *structs->address("Universe", "_collectedHeap")),
      0x1234U);
  EXPECT_EQ(structs->size_of("JVMFlag"), 24U);
  EXPECT_EQ(structs->size_of("Nothing"), std::nullopt);
}

TEST(VmStructs, MissingSymbolIsNamed) {
  PretendedJvm jvm;
  jvm.symbols().erase("gHotSpotVMStructs");
  const auto structs = VmStructs::read(jvm.symbol(), jvm.memory());
  ASSERT_FALSE(structs);
  EXPECT_THAT(structs.error().message(), testing::HasSubstr("does not export gHotSpotVMStructs"));
}

TEST(VmStructs, AnAbsurdStrideIsRefused) {
  for (const std::uint64_t stride : {0ULL, 4ULL, 1'000'000ULL, ~0ULL}) {
    PretendedJvm jvm;
    jvm.put(jvm.symbols().at("gHotSpotVMStructEntryArrayStride"), stride);
    EXPECT_FALSE(VmStructs::read(jvm.symbol(), jvm.memory())) << stride;
  }
}

TEST(VmStructs, AColumnOutsideOfTheEntryIsRefused) {
  PretendedJvm jvm;
  jvm.put(jvm.symbols().at("gHotSpotVMStructEntryAddressOffset"), 39);
  EXPECT_FALSE(VmStructs::read(jvm.symbol(), jvm.memory()));
}

TEST(VmStructs, ATableWithoutEndIsRefused) {
  PretendedJvm jvm;
  // Every byte of memory reads as the same pointer to a text: no entry is the last.
  const std::uint64_t text = jvm.text("x");
  const ReadMemory whole = jvm.memory();
  const ReadMemory endless = [&](std::uint64_t address, std::span<std::byte> into) {
    const bool in_table = address >= jvm.structs() && address < jvm.structs() + (1ULL << 30U) &&
                          address != text && address < PretendedJvm::kBase + (1U << 19U);
    if (!in_table || into.size() != sizeof text) return whole(address, into);
    std::memcpy(into.data(), &text, sizeof text);
    return true;
  };
  EXPECT_FALSE(VmStructs::read(jvm.symbol(), endless));
}

TEST(VmStructs, TextsHaveALimit) {
  PretendedJvm jvm;
  const std::uint64_t at = jvm.text(std::string(600, 'a'));
  EXPECT_EQ(read_text(jvm.memory(), at), std::nullopt);
  EXPECT_EQ(read_text(jvm.memory(), at, 1000)->size(), 600U);
  EXPECT_EQ(read_text(jvm.memory(), 1), std::nullopt);
}

TEST(HotSpotMemory, FindsTheHeap) {
  PretendedJvm jvm;
  const std::uint64_t heap = jvm.take(256);
  jvm.put(heap + 0x20, 0x600000000);
  jvm.put(heap + 0x28, (8ULL << 30U) / 8);
  jvm.fixed("Universe", "_collectedHeap", heap);
  jvm.field("CollectedHeap", "_reserved", 0x20);
  jvm.field("MemRegion", "_start", 0);
  jvm.field("MemRegion", "_word_size", 8);
  const auto structs = VmStructs::read(jvm.symbol(), jvm.memory());
  ASSERT_TRUE(structs);
  const HotSpotMemory found = read_hotspot_memory(*structs, jvm.symbol(), jvm.memory());
  ASSERT_EQ(found.ranges.size(), 1U);
  EXPECT_EQ(found.ranges[0].range, (AddressRange{0x600000000, 0x800000000}));
  EXPECT_EQ(found.ranges[0].subsystem, Subsystem::JavaHeap);
  EXPECT_FALSE(found.complete);  // no list of threads
}

// Nonsense in place of each structure: nothing is claimed, nothing crashes, nothing runs forever.
TEST(HotSpotMemory, NonsenseIsNotBelieved) {
  PretendedJvm jvm;
  const std::uint64_t junk = jvm.take(4096);
  for (std::uint64_t at = 0; at < 4096; at += 8) jvm.put(junk + at, ~0ULL - at);
  jvm.fixed("Universe", "_collectedHeap", junk);
  jvm.field("CollectedHeap", "_reserved", 0x20);
  jvm.field("MemRegion", "_start", 0);
  jvm.field("MemRegion", "_word_size", 8);
  jvm.fixed("CodeCache", "_low_bound", ~0ULL);
  jvm.fixed("CodeCache", "_high_bound", 5);
  jvm.fixed("JVMFlag", "flags", junk);
  jvm.fixed("JVMFlag", "numFlags", ~0ULL);
  jvm.type("JVMFlag", 24);
  jvm.fixed("ThreadsSMRSupport", "_java_thread_list", junk);
  jvm.field("ThreadsList", "_length", 0);
  jvm.field("ThreadsList", "_threads", 8);
  // A node of metaspace that follows itself.
  const std::uint64_t node = jvm.take(64);
  const std::uint64_t list = jvm.take(64);
  const std::uint64_t context = jvm.take(64);
  jvm.put(node, node);
  jvm.put(node + 8, 0x7f1000000000);
  jvm.put(node + 16, 64 << 20U);
  jvm.put(list + 16, node);
  jvm.put(context + 8, list);
  jvm.variable("_ZN9metaspace16MetaspaceContext23_nonclass_space_contextE", context);
  const auto structs = VmStructs::read(jvm.symbol(), jvm.memory());
  ASSERT_TRUE(structs);
  const HotSpotMemory found = read_hotspot_memory(*structs, jvm.symbol(), jvm.memory());
  for (const HotSpotRange& range : found.ranges) {
    EXPECT_EQ(range.subsystem, Subsystem::Metaspace);
  }
  EXPECT_LE(found.ranges.size(), 4096U);
  EXPECT_TRUE(found.threads.empty());
}

}  // namespace
}  // namespace ft::jvm
