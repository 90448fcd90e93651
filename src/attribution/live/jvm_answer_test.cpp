// What does a JVM's word change of what was known without it?
#include "attribution/live/jvm_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/units.h"

namespace ft::attribution {
namespace {

using jvm::Subsystem;

Claim claim(Subsystem subsystem, std::string detail = {}) {
  return {{subsystem, Evidence::JvmData, std::move(detail)}, false};
}

std::string at(const Claims& claims, std::uint64_t address) {
  std::string text = "nobody's";
  claims.for_each_in({address, address + 1}, [&](AddressRange, const Claim& found) {
    text = std::string(name_of(found.owner.subsystem)) + "/" + found.owner.detail + "/" +
           std::string(name_of(found.owner.evidence));
  });
  return text;
}

JvmAnswer nmt(std::vector<jvm::NmtRegion> regions) {
  JvmAnswer answer;
  answer.nmt.emplace();
  answer.nmt->regions = std::move(regions);
  return answer;
}

jvm::NmtRegion region(std::uint64_t start, std::uint64_t end, std::string tag) {
  return {.range = {start, end}, .tag = std::move(tag), .committed = {}};
}

TEST(ClaimAnswer, FinerNamesStayWhereNmtAgrees) {
  Claims claims;
  claims.assign({0x10000, 0x20000}, claim(Subsystem::GcCardTable, "cards"));
  claims.assign({0x20000, 0x30000}, claim(Subsystem::CHeap, "arena 1"));
  claim_answer(nmt({region(0x10000, 0x40000, "GC")}), claims);
  EXPECT_EQ(at(claims, 0x10000), "GC card table/cards/nmt");
  EXPECT_EQ(at(claims, 0x20000), "GC other//nmt");
  EXPECT_EQ(at(claims, 0x30000), "GC other//nmt");
  EXPECT_EQ(at(claims, 0x40000), "nobody's");
}

TEST(ClaimAnswer, ATagOfItsOwnIsTheJvms) {
  Claims claims;
  claim_answer(nmt({region(0x10000, 0x20000, "Tracing")}), claims);
  EXPECT_EQ(at(claims, 0x10000), "JVM internal/Tracing/nmt");
}

jvm::SystemMapEntry entry(std::uint64_t start, std::uint64_t end, std::vector<std::string> info) {
  jvm::SystemMapEntry made;
  made.range = {start, end};
  made.info = std::move(info);
  return made;
}

TEST(ClaimAnswer, SystemMapSpeaksWhereNobodyDoesOrWhereItAgrees) {
  Claims claims;
  claims.assign({0x10000, 0x20000}, claim(Subsystem::CHeap, "arena 1"));
  claims.assign({0x50000, 0x60000}, claim(Subsystem::JavaThreadStacks, "main"));
  JvmAnswer answer;
  answer.system_map = {entry(0x10000, 0x30000, {"GC"}), entry(0x30000, 0x40000, {"GC", "CODE"}),
                       entry(0x50000, 0x60000, {"STACK-17-main"}), entry(0x60000, 0x70000, {})};
  claim_answer(answer, claims);
  EXPECT_EQ(at(claims, 0x10000), "C heap/arena 1/JVM data");
  EXPECT_EQ(at(claims, 0x20000), "GC other//System.map");
  EXPECT_EQ(at(claims, 0x30000), "nobody's");  // two owners: whose is not said
  EXPECT_EQ(at(claims, 0x50000), "Java thread stacks/main/System.map");
  EXPECT_EQ(at(claims, 0x60000), "nobody's");
}

}  // namespace
}  // namespace ft::attribution
