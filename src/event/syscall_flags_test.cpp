#include "event/syscall_flags.h"

#include <gtest/gtest.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "event/system_names.h"

namespace ft::event {
namespace {

std::string written(std::uint64_t value, const FlagTable& table) {
  std::string text;
  append_flags(text, value, table);
  return text;
}

TEST(SyscallFlags, EveryFollowedCallHasAFormForEachArgument) {
  for (const SyscallShape& shape : followed_syscalls()) {
    const ArgumentFormats& formats = argument_formats(shape.number);
    for (std::size_t i = 0; i < formats.size(); ++i) {
      EXPECT_EQ(formats[i].form == ArgumentForm::None, i >= shape.argument_count)
          << shape.name << " " << i;
      if (formats[i].form == ArgumentForm::Flags) {
        EXPECT_NE(formats[i].table, nullptr);
      }
    }
    if (shape.fd >= 0) {
      EXPECT_EQ(formats[static_cast<std::size_t>(shape.fd)].form, ArgumentForm::Fd);
    }
  }
}

TEST(SyscallFlags, ValuesAreThoseOfTheHeaders) {
  EXPECT_EQ(
      read_flags("MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS|MAP_NORESERVE|MAP_STACK", kMapFlags)->value,
      MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK);
  EXPECT_EQ(
      read_flags("MAP_SHARED_VALIDATE|MAP_SYNC|MAP_FIXED_NOREPLACE|MAP_POPULATE", kMapFlags)->value,
      MAP_SHARED_VALIDATE | MAP_SYNC | MAP_FIXED_NOREPLACE | MAP_POPULATE);
  EXPECT_EQ(read_flags("PROT_READ|PROT_WRITE|PROT_EXEC|PROT_GROWSDOWN", kProtFlags)->value,
            PROT_READ | PROT_WRITE | PROT_EXEC | PROT_GROWSDOWN);
  EXPECT_EQ(read_flags("CLONE_VM|CLONE_THREAD|SIGCHLD", kCloneFlags)->value,
            CLONE_VM | CLONE_THREAD | SIGCHLD);
  EXPECT_EQ(read_flags("PR_SET_NAME", kPrctlOptions)->value, PR_SET_NAME);
  EXPECT_EQ(read_flags("PR_SET_VMA", kPrctlOptions)->value, 0x53564d41U);
}

TEST(SyscallFlags, WritesAsStraceDoes) {
  EXPECT_EQ(written(0, kProtFlags), "PROT_NONE");
  EXPECT_EQ(written(0x10, kProtFlags), "0x10 /* PROT_??? */");
  EXPECT_EQ(written(0x13, kProtFlags), "PROT_READ|PROT_WRITE|0x10");
  EXPECT_EQ(written(0, kMapFlags), "MAP_FILE");
  EXPECT_EQ(written(0x5, kMapFlags), "0x5 /* MAP_??? */");
  EXPECT_EQ(written(0x32, kMapFlags), "MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS");
  EXPECT_EQ(written(0x40002 | (std::uint64_t{21} << 26U), kMapFlags),
            "MAP_PRIVATE|MAP_HUGETLB|21<<MAP_HUGE_SHIFT");
  EXPECT_EQ(written(0, kPrctlOptions), "0 /* PR_??? */");
  EXPECT_EQ(written(17, kCloneFlags), "SIGCHLD");
}

// Each bit and each of many mixtures comes back as it went out, in every table.
TEST(SyscallFlags, WhatIsWrittenCanBeRead) {
  for (const SyscallShape& shape : followed_syscalls()) {
    for (const ArgumentFormat& format : argument_formats(shape.number)) {
      if (format.form != ArgumentForm::Flags) continue;
      std::uint64_t mixed = 0x9e3779b97f4a7c15;
      for (unsigned i = 0; i < 320; ++i) {
        std::uint64_t value = i < 32 ? std::uint64_t{1} << i : i - 32;
        if (i >= 160) {
          mixed = mixed * 6364136223846793005U + 1442695040888963407U;
          value = mixed >> 32U;
        }
        if (format.table->signal_in_low_byte) value &= ~std::uint64_t{0xff};
        const std::string text = written(value, *format.table);
        const auto read = read_flags(text, *format.table);
        ASSERT_TRUE(read) << text;
        EXPECT_TRUE(read->complete) << text;
        EXPECT_EQ(read->value, value) << shape.name << " " << text;
      }
    }
  }
}

TEST(SyscallFlags, RefusesWhatIsNoFlags) {
  for (const char* text : {"", "|", "MAP_PRIVATE|", "a b", "0x", "0x1 /* open", "1<<", "x<<y", "-",
                           "0x1ffffffffffffffff", "99<<MAP_HUGE_SHIFT"}) {
    EXPECT_FALSE(read_flags(text, kMapFlags)) << text;
  }
  const auto unknown = read_flags("MAP_PRIVATE|MAP_OF_THE_FUTURE", kMapFlags);
  ASSERT_TRUE(unknown);
  EXPECT_FALSE(unknown->complete);
  EXPECT_EQ(unknown->value, 2U);
}

TEST(SystemNames, RoundTrip) {
  for (int number = 1; number <= 133; ++number) {
    const std::string_view name = errno_name(number);
    if (name.empty()) continue;
    EXPECT_EQ(errno_number(name), number) << name;
    EXPECT_FALSE(errno_text(number).empty());
  }
  EXPECT_EQ(errno_number("ENOMEM"), 12);
  EXPECT_EQ(errno_number("ERESTARTSYS"), 512);
  EXPECT_TRUE(is_restart_code(516));
  EXPECT_FALSE(is_restart_code(12));
  EXPECT_EQ(errno_number("ENOTHING"), std::nullopt);
  EXPECT_EQ(errno_name(-1), "");
  EXPECT_EQ(errno_name(100000), "");
  for (int number = 1; number <= 64; ++number) {
    EXPECT_EQ(signal_number(signal_name(number)), number);
  }
  EXPECT_EQ(signal_name(9), "SIGKILL");
  EXPECT_EQ(signal_name(0), "");
  EXPECT_EQ(signal_name(65), "");
}

}  // namespace
}  // namespace ft::event
