#include "attribution/unwind_table.h"

#include <dwarf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <initializer_list>

#include "attribution/unwind_expression.h"

namespace ft::attribution {
namespace {

// Writes the entries of a section, byte by byte.
class Section {
 public:
  Section& bytes(std::initializer_list<int> values) {
    for (const int value : values) bytes_.push_back(static_cast<std::byte>(value));
    return *this;
  }
  Section& u32(std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
    return *this;
  }
  // The usual common entry of x86-64: "zR", pcrel|sdata4, CFA = rsp+8, return address at CFA-8.
  std::size_t common(std::initializer_list<int> more = {}, const char* letters = "zR") {
    const std::size_t at = open(0);
    bytes({1});
    for (const char* letter = letters; *letter != 0; ++letter) bytes({*letter});
    bytes({0, 1, 0x78, 16, 1, DW_EH_PE_pcrel | DW_EH_PE_sdata4});
    bytes({DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1}).bytes(more);
    close(at);
    return at;
  }
  // Code [start, start + size); the section itself lies at kAddress.
  void function(std::size_t common, std::uint32_t start, std::uint32_t size,
                std::initializer_list<int> program) {
    const std::size_t at = open(0);
    patch(at + 4, static_cast<std::uint32_t>(at + 4 - common));
    u32(start - static_cast<std::uint32_t>(kAddress + bytes_.size())).u32(size).bytes({0});
    bytes(program);
    close(at);
  }
  UnwindTable table() const { return UnwindTable::parse(bytes_, kAddress); }
  std::vector<std::byte> take() const { return bytes_; }

  static constexpr std::uint64_t kAddress = 0x9000;

 private:
  std::size_t open(std::uint32_t id) {
    const std::size_t at = bytes_.size();
    u32(0).u32(id);
    return at;
  }
  void close(std::size_t at) { patch(at, static_cast<std::uint32_t>(bytes_.size() - at - 4)); }
  void patch(std::size_t at, std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) bytes_[at + i] = static_cast<std::byte>(value >> (8 * i));
  }

  std::vector<std::byte> bytes_;
};

using Kind = UnwindRule::Kind;

TEST(UnwindTable, GivesTheRowThatHoldsAtAnAddress) {
  Section section;
  const std::size_t common = section.common();
  // push rbp at 0, its row from 1; mov rbp,rsp from 4.
  section.function(common, 0x1000, 0x20,
                   {DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_offset | 6, 2,
                    DW_CFA_advance_loc | 3, DW_CFA_def_cfa_register, 6});
  UnwindTable table = section.table();
  ASSERT_EQ(table.functions().size(), 1U);
  EXPECT_EQ(table.find(0xfff), nullptr);
  EXPECT_EQ(table.find(0x1020), nullptr);

  const UnwindRow* first = table.find(0x1000);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->cfa_register, kRsp);
  EXPECT_EQ(first->cfa_offset, 8);
  EXPECT_EQ(first->rules[kRbp].kind, Kind::Same);
  EXPECT_EQ(first->rules[kReturnAddress].kind, Kind::AtCfa);
  EXPECT_EQ(first->rules[kReturnAddress].offset, -8);

  const UnwindRow* second = table.find(0x1003);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->cfa_register, kRsp);
  EXPECT_EQ(second->cfa_offset, 16);
  EXPECT_EQ(second->rules[kRbp].offset, -16);

  const UnwindRow* last = table.find(0x101f);
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->cfa_register, kRbp);
}

TEST(UnwindTable, RestoresRememberedAndInitialRules) {
  Section section;
  const std::size_t common = section.common();
  section.function(
      common, 0x1000, 0x20,
      {DW_CFA_remember_state, DW_CFA_undefined, 16, DW_CFA_advance_loc | 4, DW_CFA_restore_state,
       DW_CFA_def_cfa_offset, 40, DW_CFA_advance_loc | 4, DW_CFA_undefined, 16, DW_CFA_restore | 16,
       DW_CFA_advance_loc1, 4, DW_CFA_val_offset, 6, 1, DW_CFA_register, 3, 12});
  UnwindTable table = section.table();
  EXPECT_EQ(table.find(0x1000)->rules[kReturnAddress].kind, Kind::Undefined);
  EXPECT_EQ(table.find(0x1004)->rules[kReturnAddress].kind, Kind::AtCfa);
  EXPECT_EQ(table.find(0x1004)->cfa_offset, 40);
  EXPECT_EQ(table.find(0x1008)->rules[kReturnAddress].offset, -8);
  const UnwindRow* last = table.find(0x100c);
  EXPECT_EQ(last->rules[kRbp].kind, Kind::CfaPlus);
  EXPECT_EQ(last->rules[kRbp].offset, -8);
  EXPECT_EQ(last->rules[3].kind, Kind::InRegister);
  EXPECT_EQ(last->rules[3].offset, 12);
}

TEST(UnwindTable, KnowsSignalFrames) {
  Section section;
  section.function(section.common({}, "zRS"), 0x1000, 0x10, {});
  EXPECT_TRUE(section.table().find(0x1000)->signal_frame);
}

TEST(UnwindTable, PassesOverFormsItDoesNotKnow) {
  Section section;
  section.function(section.common({}, "zRx"), 0x1000, 0x10, {});
  section.function(section.common({}, "eh"), 0x2000, 0x10, {});
  section.function(section.common(), 0x3000, 0x10, {DW_CFA_set_loc, 0, 0, 0, 0});
  section.function(section.common(), 0x4000, 0x10, {});
  UnwindTable table = section.table();
  EXPECT_EQ(table.functions().size(), 2U);
  EXPECT_EQ(table.find(0x1000), nullptr);
  EXPECT_EQ(table.find(0x2000), nullptr);
  EXPECT_EQ(table.find(0x3000), nullptr);
  EXPECT_NE(table.find(0x4000), nullptr);
}

TEST(UnwindTable, ProgramsThatAskForMuchGetNothing) {
  Section section;
  const std::size_t common = section.common();
  // A column of the register number 2^32-1 is dropped; states nest too deep in the second.
  section.function(common, 0x1000, 0x10, {DW_CFA_offset_extended, 0xff, 0xff, 0xff, 0xff, 0x0f, 1});
  const std::size_t at_end = section.take().size();
  section.function(common, 0x2000, 0x10, {DW_CFA_remember_state, DW_CFA_remember_state});
  UnwindTable table = section.table();
  EXPECT_NE(table.find(0x1000), nullptr);
  EXPECT_NE(table.find(0x2000), nullptr);
  EXPECT_GT(section.take().size(), at_end);

  Section deep;
  const std::size_t deep_common = deep.common();
  deep.function(
      deep_common, 0x1000, 0x10,
      {DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state,
       DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state,
       DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state,
       DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state,
       DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state,
       DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state,
       DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state,
       DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state, DW_CFA_remember_state,
       DW_CFA_remember_state});
  EXPECT_EQ(deep.table().find(0x1000), nullptr);
}

TEST(UnwindTable, TruncatedSectionsKeepTheEntriesBefore) {
  Section section;
  const std::size_t common = section.common();
  section.function(common, 0x1000, 0x10, {});
  const std::size_t whole = section.take().size();
  section.function(common, 0x2000, 0x10, {DW_CFA_nop, DW_CFA_nop});
  const std::vector<std::byte> all = section.take();
  for (std::size_t size = 0; size <= all.size(); ++size) {
    const auto table = UnwindTable::parse(
        {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size)}, Section::kAddress);
    EXPECT_EQ(table.functions().size(), size < whole ? 0U : size < all.size() ? 1U : 2U) << size;
  }
}

TEST(UnwindTable, LoadSaysWhyItCannot) {
  const auto missing = UnwindTable::load("/nonexistent/module.so");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().why, "No such file or directory");
  EXPECT_FALSE(UnwindTable::load("/dev/null"));
  EXPECT_FALSE(UnwindTable::load("/proc/self/maps"));
}

TEST(UnwindTable, ReadsARealFile) {
  auto table = UnwindTable::load("/proc/self/exe");
  ASSERT_TRUE(table) << table.error().message();
  EXPECT_GT(table->functions().size(), 100U);
}

// --- expressions
// ----------------------------------------------------------------------------------

std::optional<std::uint64_t> value_of(std::initializer_list<int> expression,
                                      std::optional<std::uint64_t> first = {}) {
  std::vector<std::byte> bytes;
  for (const int byte : expression) bytes.push_back(static_cast<std::byte>(byte));
  UnwindRegisters registers;
  registers[kRsp] = 0x1000;
  registers[kReturnAddress] = 0x40002b;
  const std::array<std::uint64_t, 2> words{0x55, 0x66};
  StackMemory memory(0x1000, std::as_bytes(std::span(words)));
  return evaluate(bytes, registers, memory, first);
}

// A procedure linkage table pushes one word more from the eleventh byte of each entry on.
TEST(UnwindExpression, EvaluatesThatOfTheLinkageTable) {
  EXPECT_EQ(value_of({DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and, DW_OP_lit11,
                      DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus}),
            0x1010U);
  EXPECT_EQ(value_of({DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and, DW_OP_lit12,
                      DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus}),
            0x1008U);
}

TEST(UnwindExpression, ReadsOnlyTheCopy) {
  EXPECT_EQ(value_of({DW_OP_breg7, 0, DW_OP_deref}), 0x55U);
  EXPECT_EQ(value_of({DW_OP_breg7, 8, DW_OP_deref}), 0x66U);
  EXPECT_EQ(value_of({DW_OP_breg7, 9, DW_OP_deref}), std::nullopt);
  EXPECT_EQ(value_of({DW_OP_breg7, 0x7f, DW_OP_deref}), std::nullopt);
  EXPECT_EQ(value_of({DW_OP_lit0, DW_OP_deref}), std::nullopt);
}

TEST(UnwindExpression, ReadsNumbers) {
  EXPECT_EQ(value_of({DW_OP_const1s, 0xff}), ~std::uint64_t{0});
  EXPECT_EQ(value_of({DW_OP_const2u, 0x34, 0x12}), 0x1234U);
  EXPECT_EQ(value_of({DW_OP_consts, 0x7f}), ~std::uint64_t{0});
  EXPECT_EQ(value_of({DW_OP_constu, 0x80, 0x01}), 128U);
  EXPECT_EQ(value_of({DW_OP_plus_uconst, 8}, 1), 9U);
  EXPECT_EQ(value_of({DW_OP_lit2, DW_OP_minus}, 10), 8U);
  EXPECT_EQ(value_of({DW_OP_lit1, DW_OP_neg, DW_OP_const1u, 200, DW_OP_shra}), ~std::uint64_t{0});
  EXPECT_EQ(value_of({DW_OP_lit1, DW_OP_const1u, 64, DW_OP_shl}), 0U);
}

TEST(UnwindExpression, DamagedOnesHaveNoValue) {
  EXPECT_EQ(value_of({}), std::nullopt);
  EXPECT_EQ(value_of({DW_OP_plus}, 1), std::nullopt);
  EXPECT_EQ(value_of({DW_OP_drop, DW_OP_drop}, 1), std::nullopt);
  EXPECT_EQ(value_of({DW_OP_const4u, 1, 2}), std::nullopt);
  EXPECT_EQ(value_of({DW_OP_pick, 1}, 1), std::nullopt);
  EXPECT_EQ(value_of({DW_OP_breg0, 0}), std::nullopt);              // not known
  EXPECT_EQ(value_of({DW_OP_bregx, 0xff, 0x7f, 0}), std::nullopt);  // no such register
  EXPECT_EQ(value_of({DW_OP_lit1, DW_OP_lit0, DW_OP_div}), std::nullopt);
  EXPECT_EQ(value_of({DW_OP_lit1, DW_OP_skip, 0xfd, 0xff}), std::nullopt);
  EXPECT_EQ(value_of({DW_OP_constu, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                      0x80, 0x80}),
            std::nullopt);
}

}  // namespace
}  // namespace ft::attribution
