// Programs on which the model once differed from the kernel, as ft-differential printed them. Paste
// new ones at the end, with a name that says what they are about.
#include <linux/mman.h>
#include <sys/mman.h>

#include "differential.h"

namespace ft::differential {
namespace {

TEST(DifferentialRegressions, SpecialMappingsAreNotSplit) {
  expect_agreement({
      .instructions =
          {
              Munmap{.addr = 0x7ffff7ffc000, .length = 0x1000},
              Madvise{.addr = 0x7ffff7ffc000, .length = 0x1000, .advice = 14},
              Mremap{.addr = 0x7ffff7ffb000, .old_length = 0xa000, .new_length = 0x1000},
          },
  });
}

TEST(DifferentialRegressions, SpecialMappingsAreNotSplitByAMove) {
  expect_agreement({
      .instructions =
          {
              Mremap{.addr = 0x7ffff7ffd000,
                     .old_length = 0x2000,
                     .new_length = 0x2000,
                     .flags = MREMAP_MAYMOVE | MREMAP_FIXED,
                     .new_addr = 0x7fffffff4000},
              Mremap{.addr = 0x7fffffff3000,
                     .old_length = 0x2000,
                     .new_length = 0x2000,
                     .flags = MREMAP_MAYMOVE | MREMAP_FIXED,
                     .new_addr = 0x7ffffffed000},
          },
  });
}

TEST(DifferentialRegressions, SpecialMappingsHaveNoFileToWipeOnFork) {
  expect_agreement({
      .instructions =
          {
              Madvise{.addr = 0x7ffff7ffb000, .length = 0x3000, .advice = MADV_WIPEONFORK},
          },
  });
}

TEST(DifferentialRegressions, AStackNarrowsTheSearchOnlyBelowItself) {
  expect_agreement({
      .instructions =
          {
              Mremap{.addr = 0x7ffffffde000,
                     .old_length = 0x20000,
                     .new_length = 0x20000,
                     .flags = MREMAP_MAYMOVE | MREMAP_FIXED,
                     .new_addr = 0x7ffff7ffd000},
              Mmap{.addr = 0x7ffff7ffb000,
                   .length = 0x1000,
                   .prot = PROT_READ | PROT_WRITE,
                   .flags = MAP_PRIVATE | MAP_ANONYMOUS},
          },
  });
}

TEST(DifferentialRegressions, LockedAreaLeftBehindByDontUnmap) {
  expect_agreement({
      .instructions =
          {
              Mmap{.addr = 0x7fffffffb000,
                   .length = 0x3000,
                   .prot = PROT_READ | PROT_WRITE,
                   .flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_LOCKED},
              Mremap{.addr = 0x7fffffffb000,
                     .old_length = 0x3000,
                     .new_length = 0x3000,
                     .flags = MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
                     .new_addr = 0x7ffff7ff1000},
          },
  });
}

TEST(DifferentialRegressions, HugeZeroPageIsNobodys) {
  expect_agreement({
      .instructions =
          {
              Mmap{.length = 0x4000000,
                   .prot = PROT_READ | PROT_WRITE,
                   .flags = MAP_PRIVATE | MAP_ANONYMOUS},
              Madvise{.addr = 0x7ffff3fec000, .length = 0x40000000, .advice = MADV_HUGEPAGE},
              Touch{.addr = 0x7ffff4041000, .access = Access::Read},
          },
  });
}

TEST(DifferentialRegressions, ABlockWithNothingWritableCollapses) {
  expect_agreement({
      .instructions =
          {
              Mmap{.addr = 0x7ffff7fff000,
                   .length = 0x600000,
                   .prot = PROT_READ | PROT_WRITE,
                   .flags = MAP_PRIVATE | MAP_ANONYMOUS},
              Touch{.addr = 0x7ffff814c000, .access = Access::Read},
              Touch{.addr = 0x7ffff82de000, .access = Access::Write},
              Madvise{.addr = 0x7ffff8000000, .length = 0x200000, .advice = 25},
          },
  });
}

// A page that one process maps by itself and another as part of the huge page has two mappings.
TEST(DifferentialRegressions, ASplitHugePageIsStillMappedWholeByAnother) {
  for (const int advice : {MADV_HUGEPAGE, 25 /* MADV_COLLAPSE */}) {
    expect_agreement({
        .instructions =
            {
                Mmap{.addr = 0x7ffff7ffb000,
                     .length = 0x400000,
                     .prot = PROT_READ | PROT_WRITE,
                     .flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS},
                Madvise{.addr = 0x7ffff8000000, .length = 0x200000, .advice = MADV_HUGEPAGE},
                Touch{.addr = 0x7ffff8000000, .access = Access::Write},
                Madvise{.addr = 0x7ffff8000000, .length = 0x200000, .advice = advice},
                Fork{},
                Mlock{.addr = 0x7ffff8000000, .length = 0x1000},
            },
    });
  }
}

// What may be dropped under pressure is dropped by MADV_PAGEOUT, written to or not.
TEST(DifferentialRegressions, DroppableMemoryIsPagedOutWithoutSwap) {
  expect_agreement({
      .instructions =
          {
              Mmap{.addr = 0x10000000,
                   .length = 0x4000,
                   .prot = PROT_READ | PROT_WRITE,
                   .flags = 0x8 | MAP_FIXED_NOREPLACE | MAP_ANONYMOUS},
              Touch{.addr = 0x10000000, .access = Access::Write, .pages = 4},
              Madvise{.addr = 0x10001000, .length = 0x2000, .advice = MADV_PAGEOUT},
          },
  });
}

TEST(DifferentialRegressions, CollapseEndsAtABlockWithoutATable) {
  expect_agreement({
      .instructions =
          {
              Mmap{.length = 0x600000,
                   .prot = PROT_READ | PROT_WRITE,
                   .flags = MAP_PRIVATE | MAP_ANONYMOUS},
              Touch{.addr = 0x7ffff7b06000, .access = Access::Write},
              Madvise{.addr = 0x7ffff7800000, .length = 0x600000, .advice = 25},
          },
  });
}

TEST(DifferentialRegressions, AnAddressThatNoProcessCanHaveIsNotOneThatLooksLikeIt) {
  expect_agreement({
      .instructions =
          {
              Mmap{.addr = 0x7ffff7dfe000,
                   .length = 0x6000,
                   .prot = PROT_READ | PROT_WRITE,
                   .flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS},
              Touch{.addr = 0x7ffff7dfe000, .access = Access::Write},
              Mremap{.addr = 0x7ffff7dfe000,
                     .old_length = 0x6000,
                     .new_length = 0x6000,
                     .flags = MREMAP_MAYMOVE | MREMAP_FIXED},
              Touch{.addr = 0x8000000000000000, .access = Access::Read},
          },
  });
}

TEST(DifferentialRegressions, AnAreaAtTheBottomPassesForOneThatHoldsAHugePage) {
  expect_agreement({
      .instructions =
          {
              Mmap{.addr = 0x7ffff7dfe000,
                   .length = 0x8000,
                   .prot = PROT_READ | PROT_WRITE,
                   .flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS},
              Touch{.addr = 0x7ffff7dfe000, .access = Access::Write},
              Mremap{.addr = 0x7ffff7dfe000,
                     .old_length = 0x8000,
                     .new_length = 0x8000,
                     .flags = MREMAP_MAYMOVE | MREMAP_FIXED},
              Madvise{.length = 0x1000, .advice = 25},
          },
  });
}

// 6.1 makes clean entries of the huge one, and gives write back to dirty ones only.
TEST(DifferentialRegressions, ProtectingAPartOfAHugePage) {
  expect_agreement({
      .instructions =
          {
              Mmap{.addr = 0x7ffff7fe9000,
                   .length = 0x600000,
                   .prot = PROT_READ | PROT_WRITE,
                   .flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS},
              Madvise{.addr = 0x7ffff8000000, .length = 0x200000, .advice = MADV_HUGEPAGE},
              Touch{.addr = 0x7ffff81fa000, .access = Access::Write},
              Mprotect{.addr = 0x7ffff7fff000, .length = 0x2000, .prot = PROT_WRITE},
              Touch{.addr = 0x7ffff8000000, .access = Access::Write},
          },
  });
}

}  // namespace
}  // namespace ft::differential
