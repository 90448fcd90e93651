#include "host/kernel_symbols.h"

#include <gtest/gtest.h>

#include "base/fd.h"

namespace ft::host {
namespace {

KernelSymbols parsed(std::string text) {
  auto symbols = KernelSymbols::parse(std::move(text));
  EXPECT_TRUE(symbols.has_value()) << symbols.error().message();
  return std::move(*symbols);
}

TEST(KernelSymbols, FindsTheFunctionAnAddressLiesIn) {
  const KernelSymbols symbols = parsed(
      "0000000000000000 A fixed_percpu_data\n"
      "ffffffff81000100 T handle_mm_fault\n"
      "ffffffff81000000 t do_anonymous_page\n"
      "ffffffff81000180 d some_data\n"
      "ffffffff81000100 T an_alias\n"
      "ffffffffc0000000 t ext4_readpage\t[ext4]\n");
  EXPECT_EQ(symbols.size(), 3U);
  EXPECT_FALSE(symbols.hidden());
  EXPECT_EQ(symbols.find(0xffffffff81000000)->name, "do_anonymous_page");
  EXPECT_EQ(symbols.find(0xffffffff810000ff)->name, "do_anonymous_page");
  const auto second = symbols.find(0xffffffff810001ff);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->name, "handle_mm_fault");
  EXPECT_EQ(second->start, 0xffffffff81000100U);
  EXPECT_EQ(second->module, "");
  EXPECT_EQ(symbols.find(0xffffffffc0000010)->module, "ext4");
  EXPECT_FALSE(symbols.find(0xffffffff80ffffff).has_value());
}

TEST(KernelSymbols, DoesNotStretchAFunctionToWhatLiesFarBehindIt) {
  const KernelSymbols symbols = parsed("ffffffff81000000 T last\n");
  EXPECT_TRUE(symbols.find(0xffffffff810fffff).has_value());
  EXPECT_FALSE(symbols.find(0xffffffff81100000).has_value());
}

TEST(KernelSymbols, SaysWhetherAddressesAreHidden) {
  EXPECT_TRUE(parsed("0000000000000000 T a\n0000000000000000 T b\n").hidden());
  EXPECT_FALSE(parsed("").hidden());
}

TEST(KernelSymbols, RefusesWhatIsNoListOfSymbols) {
  const auto why = [](std::string text) {
    const auto symbols = KernelSymbols::parse(std::move(text));
    return symbols ? std::string("accepted") : symbols.error().message();
  };
  EXPECT_EQ(why("ffffffff81000000 T a\nxyz T b\n"), "kallsyms:2: does not begin with an address");
  EXPECT_EQ(why("ffffffff81000000 TT a\n"),
            "kallsyms:1: has no type of one letter behind its address");
  EXPECT_EQ(why("ffffffff81000000 T \n"), "kallsyms:1: has no name");
  EXPECT_EQ(why("ffffffff81000000 T a\text4\n"), "kallsyms:1: has a module without brackets");
  EXPECT_EQ(why("ffffffff81000000 T " + std::string(3000, 'a')), "kallsyms:1: has no name");
}

TEST(KernelSymbols, ReadsThisHosts) {
  auto text = read_file("/proc/kallsyms");
  if (!text || text->empty()) GTEST_SKIP() << "no /proc/kallsyms here";
  const KernelSymbols symbols = parsed(std::move(*text));
  EXPECT_TRUE(symbols.hidden() || symbols.size() > 1000U);
}

}  // namespace
}  // namespace ft::host
