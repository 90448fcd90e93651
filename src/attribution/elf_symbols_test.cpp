#include "attribution/elf_symbols.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>

#include "attribution/symboliser.h"
#include "base/fd.h"

extern "C" [[gnu::noinline]] int ft_test_landmark(int x) {
  asm volatile("" : "+r"(x));
  return x + 1;
}

namespace ft::attribution {
namespace {

// A minimal ELF file: header, one PT_LOAD, sections null, .symtab, .strtab.
struct TinyElf {
  struct Symbol {
    std::string name;
    std::uint64_t value;
    std::uint64_t size;
    unsigned char info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
  };

  static std::string make(const std::vector<Symbol>& symbols, std::uint32_t type = SHT_SYMTAB) {
    std::string names(1, '\0');
    std::vector<Elf64_Sym> table(1);
    for (const Symbol& symbol : symbols) {
      Elf64_Sym entry{};
      entry.st_name = static_cast<std::uint32_t>(names.size());
      entry.st_value = symbol.value;
      entry.st_size = symbol.size;
      entry.st_info = symbol.info;
      entry.st_shndx = 1;
      table.push_back(entry);
      names += symbol.name + '\0';
    }
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 1;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    Elf64_Phdr load{};
    load.p_type = PT_LOAD;
    load.p_offset = 0x1000;
    load.p_vaddr = 0x3000;
    load.p_filesz = 0x500;
    const std::uint64_t table_at = sizeof(header) + sizeof(load);
    const std::uint64_t names_at = table_at + table.size() * sizeof(Elf64_Sym);
    header.e_shoff = (names_at + names.size() + 7) & ~std::uint64_t{7};
    std::array<Elf64_Shdr, 3> sections{};
    sections[1].sh_type = type;
    sections[1].sh_offset = table_at;
    sections[1].sh_size = table.size() * sizeof(Elf64_Sym);
    sections[1].sh_link = 2;
    sections[1].sh_entsize = sizeof(Elf64_Sym);
    sections[2].sh_type = SHT_STRTAB;
    sections[2].sh_offset = names_at;
    sections[2].sh_size = names.size();

    std::string file(header.e_shoff + sizeof(sections), '\0');
    std::memcpy(file.data(), &header, sizeof(header));
    std::memcpy(file.data() + sizeof(header), &load, sizeof(load));
    std::memcpy(file.data() + table_at, table.data(), table.size() * sizeof(Elf64_Sym));
    std::memcpy(file.data() + names_at, names.data(), names.size());
    std::memcpy(file.data() + header.e_shoff, sections.data(), sizeof(sections));
    return file;
  }
};

std::string write_file(std::string_view bytes) {
  const std::string path = ::testing::TempDir() + "/elf_symbols_test.bin";
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

std::string name_at(const ElfSymbols& symbols, std::uint64_t address) {
  const auto symbol = symbols.find(address);
  return symbol ? std::string(symbol->name) : "none";
}

TEST(ElfSymbols, FindsTheFunctionThatHoldsTheAddress) {
  const auto symbols = ElfSymbols::load(write_file(
      TinyElf::make({{"second", 0x200, 0x10}, {"first", 0x100, 0x20}, {"label", 0x300, 0}})));
  ASSERT_TRUE(symbols) << symbols.error().message();
  EXPECT_EQ(name_at(*symbols, 0xff), "none");
  EXPECT_EQ(name_at(*symbols, 0x100), "first");
  EXPECT_EQ(name_at(*symbols, 0x120),
            "first");                           // a return address behind a call that never returns
  EXPECT_EQ(name_at(*symbols, 0x121), "none");  // not the nearest below: it ends before
  EXPECT_EQ(name_at(*symbols, 0x208), "second");
  EXPECT_EQ(name_at(*symbols, 0x900), "label");  // no size stated
}

TEST(ElfSymbols, PrefersTheGlobalNameOfSeveral) {
  const auto symbols = ElfSymbols::load(
      write_file(TinyElf::make({{"local", 0x100, 8, ELF64_ST_INFO(STB_LOCAL, STT_FUNC)},
                                {"weak", 0x100, 8, ELF64_ST_INFO(STB_WEAK, STT_FUNC)},
                                {"global", 0x100, 8},
                                {"data", 0x100, 8, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT)}})));
  ASSERT_TRUE(symbols);
  EXPECT_EQ(symbols->size(), 3U);
  EXPECT_EQ(name_at(*symbols, 0x104), "global");
}

TEST(ElfSymbols, FallsBackToTheDynamicTableAndToNone) {
  const auto dynamic =
      ElfSymbols::load(write_file(TinyElf::make({{"exported", 0x100, 8}}, SHT_DYNSYM)));
  ASSERT_TRUE(dynamic);
  EXPECT_EQ(name_at(*dynamic, 0x100), "exported");
  const auto none = ElfSymbols::load(write_file(TinyElf::make({}, SHT_PROGBITS)));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->size(), 0U);
}

TEST(ElfSymbols, TurnsFileOffsetsIntoAddresses) {
  const auto symbols = ElfSymbols::load(write_file(TinyElf::make({})));
  ASSERT_TRUE(symbols);
  EXPECT_EQ(symbols->virtual_address(0x1004), 0x3004U);
  EXPECT_EQ(symbols->virtual_address(0x1500), std::nullopt);
  EXPECT_EQ(symbols->virtual_address(0), std::nullopt);
}

TEST(ElfSymbols, RefusesWhatIsNoElfFile) {
  EXPECT_EQ(ElfSymbols::load("/no/such/file").error().why, "No such file or directory");
  EXPECT_FALSE(ElfSymbols::load(write_file("")));
  EXPECT_FALSE(ElfSymbols::load(write_file("#!/bin/sh\n")));
  EXPECT_FALSE(ElfSymbols::load("/tmp"));
}

TEST(ElfSymbols, SurvivesTruncatedAndDamagedFiles) {
  const std::string whole = TinyElf::make({{"first", 0x100, 0x20}, {"second", 0x200, 0x10}});
  for (std::size_t length = 0; length < whole.size(); length += 3) {
    const auto symbols = ElfSymbols::load(write_file(std::string_view(whole).substr(0, length)));
    if (symbols) name_at(*symbols, 0x100);
  }
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    std::string damaged = whole;
    for (int flips = 0; flips < 4; ++flips) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    const auto symbols = ElfSymbols::load(write_file(damaged));
    if (!symbols) continue;
    for (std::uint64_t address = 0; address < 0x400; address += 0x40) name_at(*symbols, address);
    symbols->virtual_address(random());
  }
}

TEST(Demangle, GivesNamesAsWritten) {
  EXPECT_EQ(demangle("_ZN2os4initEv"), "os::init()");
  EXPECT_EQ(demangle("malloc"), "malloc");
  EXPECT_EQ(demangle("_Zgarbage"), "_Zgarbage");
  EXPECT_EQ(demangle("_Z" + std::string(100000, 'N')).size(), 100002U);
}

TEST(Symboliser, NamesAFunctionOfThisProgram) {
  event::Trace trace;
  event::Snapshot snapshot;
  snapshot.pid = 42;
  snapshot.moment = "attach";
  snapshot.source = "maps";
  snapshot.text = read_file("/proc/self/maps").value();
  trace.snapshots.push_back(snapshot);
  event::Stack stack;
  stack.pid = 42;
  const auto landmark = reinterpret_cast<std::uint64_t>(&ft_test_landmark);
  for (const std::uint64_t address : {landmark, landmark + 1, std::uint64_t{0x10}}) {
    event::Frame frame;
    frame.address = address;
    stack.frames.push_back(frame);
  }
  event::Frame imported;
  imported.symbol = "kept";
  stack.frames.push_back(imported);
  trace.stacks.push_back(stack);
  trace.stacks.emplace_back();  // pid 0: the kernel's
  event::Syscall call;
  call.ts = 5;
  call.pid = 42;
  call.stack = 0;
  call.number = event::SyscallNumber::Madvise;
  trace.syscalls.push_back(call);

  const Symbolised result = symbolise(trace);
  EXPECT_EQ(result.changed, std::vector<event::StackId>{0});
  const std::vector<event::Frame>& frames = trace.stacks[0].frames;
  EXPECT_EQ(frames[0].symbol, "ft_test_landmark");
  EXPECT_EQ(frames[1].symbol, "ft_test_landmark");
  EXPECT_EQ(frames[1].module_offset, frames[0].module_offset + 1);
  EXPECT_TRUE(frames[0].module.ends_with("ft_attribution_test")) << frames[0].module;
  EXPECT_EQ(frames[2].module, "");
  EXPECT_EQ(frames[3].symbol, "kept");
  EXPECT_EQ(ft_test_landmark(1), 2);
}

TEST(Symboliser, SaysWhichFilesItCouldNotRead) {
  event::Trace trace;
  event::Snapshot snapshot;
  snapshot.pid = 42;
  snapshot.moment = "attach";
  snapshot.source = "maps";
  snapshot.text = "10000-20000 r-xp 00000000 fe:00 1 /gone/libx.so\n";
  trace.snapshots.push_back(snapshot);
  event::Stack stack;
  stack.pid = 42;
  stack.frames.resize(2);
  stack.frames[0].address = 0x10010;
  stack.frames[1].address = 0x10020;
  trace.stacks.push_back(stack);
  const Symbolised result = symbolise(trace);
  ASSERT_EQ(result.problems.size(), 1U);
  EXPECT_EQ(result.problems[0].what, "/gone/libx.so");
  EXPECT_EQ(trace.stacks[0].frames[0].module, "/gone/libx.so");
  EXPECT_EQ(trace.stacks[0].frames[0].symbol, "");
}

}  // namespace
}  // namespace ft::attribution
