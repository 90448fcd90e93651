#include "generator.h"

#include <linux/mman.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>

#include "base/units.h"
#include "harmless.h"
#include "tracee.h"

namespace ft::differential {

namespace {

constexpr unsigned kMostTries = 100;

// Of newer kernels than the headers; linux/mman.h, asm-generic/mman-common.h.
constexpr std::uint64_t kMapDroppable = 0x08;
constexpr int kAdviseCollapse = 25;
constexpr int kGuardInstall = 102;
constexpr int kGuardRemove = 103;

// Where nothing is at first: hints of these make areas that have room around them.
constexpr std::array<std::uint64_t, 6> kArenas = {
    0x10000000,      // low, a 2 MiB border
    0x7fe00000,      // the last 2 MiB below a border of a 1 GiB page table
    0x600000000,     // where HotSpot likes its heap
    0x7fffe00000,    // the last 2 MiB below a border of a 512 GiB page table
    0x555555554000,  // where images lie
    0x7fffc0000000,  // between mmap_base and the stack's tables
};

}  // namespace

Generator::Generator(std::uint64_t seed, std::uint64_t program)
    : random_(seed * 0x100000001b3 + program) {
  random_.next();
}

Program Generator::make_start() {
  Program program;
  Start& start = program.start;
  if (random_.one_in(8)) start.address_space_limit = random_.between(1, 64) * kMiB;
  if (random_.one_in(8)) start.data_limit = random_.between(1, 16) * kMiB;
  if (random_.one_in(6)) start.stack_limit = random_.pick({256 * kKiB, kMiB, 160 * kMiB});
  if (random_.one_in(3)) {
    start.privileged = false;
    start.memlock_limit = random_.pick({std::uint64_t{0}, 64 * kKiB, kMiB});
  }
  const unsigned files = static_cast<unsigned>(random_.between(1, 3));
  for (unsigned i = 0; i < files; ++i) {
    File file;
    if (random_.one_in(3)) {
      file.kind = File::Kind::Disk;
      file.mode = File::Mode::ReadOnly;
      file.size = random_.pick({3 * kPageSize, 64 * kKiB + 100, 300 * kKiB});
    } else {
      file.mode = random_.pick({File::Mode::ReadWrite, File::Mode::ReadWrite, File::Mode::ReadWrite,
                                File::Mode::ReadOnly, File::Mode::WriteOnly});
      file.size = random_.pick({std::uint64_t{0}, kPageSize, 5 * kPageSize + 1, 64 * kKiB + 100,
                                2 * kMiB + 3 * kPageSize});
    }
    program.files.push_back(file);
  }
  return program;
}

Instruction Generator::next(const WorldState& state, const Program& program) {
  program_ = &program;
  for (unsigned tries = 0; tries < kMostTries; ++tries) {
    process_ = static_cast<unsigned>(random_.below(state.size()));
    if (random_.one_in(2)) process_ = 0;
    if (state[process_].areas.empty()) continue;
    areas_ = state[process_].areas;
    Instruction instruction = draw();
    if (is_harmless(instruction, state)) return instruction;
  }
  return Brk{};
}

Instruction Generator::draw() {
  const std::uint64_t dice = random_.below(1000);
  std::uint64_t bound = 0;
  const auto share = [&](std::uint64_t per_mille) { return dice < (bound += per_mille); };
  if (share(200)) return make_mmap();
  if (share(80)) return make_munmap();
  if (share(130)) return make_mprotect();
  if (share(130)) return make_madvise();
  if (share(75)) return make_mremap();
  if (share(30)) return make_brk();
  if (share(25)) return make_mlock();
  if (share(20)) return make_munlock();
  if (share(4)) return make_mseal();
  if (share(12)) return Fork{process_};
  if (share(10)) return Exit{process_};
  if (share(15)) return make_ftruncate();
  return make_touch();
}

// ---- addresses and lengths ---------------------------------------------------------------------

const Area* Generator::any_area() {
  // The stub comes first; nothing may be done to it.
  return areas_.size() < 2 ? areas_.data() : &areas_[random_.between(1, areas_.size() - 1)];
}

std::uint64_t Generator::inside(const Area& area) {
  const std::uint64_t pages = area.range.size() >> kPageShift;
  return area.range.start + random_.below(std::min<std::uint64_t>(pages, 1024)) * kPageSize;
}

std::uint64_t Generator::page_address() {
  const Area& area = *any_area();
  const std::uint64_t near = random_.below(4) * kPageSize;
  switch (random_.below(12)) {
    case 0:
    case 1:
    case 2:
      return area.range.start;
    case 3:
      return area.range.end;
    case 4:
      return area.range.start - near;
    case 5:
      return area.range.end - near;
    case 6:
      return area.range.end + near;
    case 7:
      return (area.range.start + kHugePageSize - 1) & ~(kHugePageSize - 1);
    case 8:
      return ((inside(area) + near) & ~(kHugePageSize - 1)) - near;
    case 9:
      return random_.pick(std::span<const std::uint64_t>(kArenas)) +
             random_.below(8) * (random_.one_in(2) ? kPageSize : kHugePageSize);
    default:
      return inside(area);
  }
}

std::uint64_t Generator::any_address() {
  switch (random_.below(60)) {
    case 0:
      return 0;
    case 1:
      return page_address() + random_.pick({1UL, 0x800UL, 0xfffUL});
    case 2:
      return random_.pick({kUserEnd, kUserEnd - kPageSize, kUserEnd + kPageSize, ~0UL, ~0UL - 0xfff,
                           0x8000000000000000UL, 0x10000UL, 0x1000UL});
    case 3:  // below the stack: within its growth, its guard gap, or beyond
      return areas_.back().range.start - random_.between(1, 600) * kPageSize;
    default:
      return page_address();
  }
}

std::uint64_t Generator::any_length(std::uint64_t address) {
  const auto holds =
      std::ranges::find_if(areas_, [&](const Area& area) { return area.range.contains(address); });
  const std::uint64_t rest =
      holds == areas_.end() ? 4 * kPageSize : holds->range.end - page_floor(address);
  switch (random_.below(24)) {
    case 0:
      return 0;
    case 1:
      return random_.pick({1UL, kPageSize + 1, 3 * kPageSize - 1});
    case 2:
      return random_.pick({~0UL, ~0UL - 0xfff, 0x8000000000000000UL, 1UL << 47U, 1UL << 46U});
    case 3:
      return random_.pick({kGiB, 64 * kMiB, 40 * kGiB});
    case 4:
    case 5:
      return random_.pick({kHugePageSize, 2 * kHugePageSize, kHugePageSize + kPageSize,
                           kHugePageSize - kPageSize, 3 * kHugePageSize});
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
      return rest;
    case 11:
      return rest + random_.between(1, 6) * kPageSize;
    case 12:
      return std::max(kPageSize, rest - std::min(rest, random_.between(1, 3) * kPageSize));
    default:
      return random_.between(1, 12) * kPageSize;
  }
}

// ---- arguments ---------------------------------------------------------------------------------

std::uint64_t Generator::any_prot() {
  if (random_.one_in(60))
    return random_.pick({0x10UL, 0x8UL, 0x100UL, std::uint64_t{PROT_GROWSDOWN},
                         std::uint64_t{PROT_GROWSUP}, std::uint64_t{PROT_READ | PROT_GROWSDOWN}});
  const int prot = random_.pick(
      {PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, PROT_READ,
       PROT_NONE, PROT_WRITE, PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC});
  return static_cast<std::uint64_t>(prot);
}

std::uint64_t Generator::any_map_flags() {
  std::uint64_t flags = random_.one_in(4) ? MAP_SHARED : MAP_PRIVATE;
  if (random_.one_in(40))
    flags = random_.pick({0UL, std::uint64_t{MAP_SHARED_VALIDATE}, kMapDroppable, 0x4UL, 0xfUL});
  if (!random_.one_in(3)) flags |= MAP_ANONYMOUS;
  const auto maybe = [&](std::uint64_t n, std::uint64_t flag) {
    if (random_.one_in(n)) flags |= flag;
  };
  maybe(4, MAP_FIXED);
  maybe(16, MAP_FIXED_NOREPLACE);
  maybe(5, MAP_NORESERVE);
  maybe(10, MAP_POPULATE);
  maybe(40, MAP_NONBLOCK);
  maybe(30, MAP_LOCKED);
  maybe(30, MAP_GROWSDOWN);
  maybe(30, MAP_STACK);
  maybe(40, MAP_DENYWRITE);
  maybe(40, MAP_EXECUTABLE);
  maybe(60, MAP_32BIT);
  maybe(80, MAP_SYNC);
  maybe(100, 1UL << 26U);  // a bit without a meaning here
  return flags;
}

int Generator::any_file() {
  if (random_.one_in(40)) return random_.pick({kNoFile, kBadFile});
  return static_cast<int>(random_.below(program_->files.size()));
}

int Generator::any_advice() {
  if (random_.one_in(30)) return random_.pick({-1, 5, 7, 26, 99, 104, 1000});
  return random_.pick({MADV_NORMAL,         MADV_RANDOM,          MADV_SEQUENTIAL,
                       MADV_WILLNEED,       MADV_DONTNEED,        MADV_DONTNEED,
                       MADV_DONTNEED,       MADV_DONTNEED,        MADV_FREE,
                       MADV_FREE,           MADV_REMOVE,          MADV_DONTFORK,
                       MADV_DOFORK,         MADV_HUGEPAGE,        MADV_HUGEPAGE,
                       MADV_HUGEPAGE,       MADV_NOHUGEPAGE,      MADV_DONTDUMP,
                       MADV_DODUMP,         MADV_WIPEONFORK,      MADV_KEEPONFORK,
                       MADV_COLD,           MADV_PAGEOUT,         MADV_POPULATE_READ,
                       MADV_POPULATE_WRITE, MADV_DONTNEED_LOCKED, kAdviseCollapse,
                       kGuardInstall,       kGuardInstall,        kGuardRemove});
}

// ---- instructions ------------------------------------------------------------------------------

Mmap Generator::make_mmap() {
  Mmap call{.process = process_};
  call.flags = any_map_flags();
  const bool fixed = (call.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0;
  if (fixed || random_.one_in(2)) call.addr = any_address();
  call.length = any_length(call.addr);
  call.prot = any_prot();
  if ((call.flags & MAP_ANONYMOUS) == 0) {
    call.file = any_file();
    call.offset = random_.below(20) * kPageSize;
    if (random_.one_in(2)) call.offset = 0;
    if (random_.one_in(60)) call.offset = random_.pick({1UL, 0x800UL, ~0UL << 12U, 1UL << 62U});
    // Continue a neighbour, so that the two may merge.
    const Area& area = *any_area();
    if (area.backing >= 0 && random_.one_in(3)) {
      call.file = area.backing;
      call.addr = area.range.end;
      call.offset = area.offset + area.range.size();
    }
  } else if (random_.one_in(30)) {
    call.offset = random_.pick({kPageSize, 1UL});
  }
  return call;
}

Munmap Generator::make_munmap() {
  const std::uint64_t addr = any_address();
  return {.process = process_, .addr = addr, .length = any_length(addr)};
}

Mprotect Generator::make_mprotect() {
  const std::uint64_t addr = any_address();
  return {.process = process_, .addr = addr, .length = any_length(addr), .prot = any_prot()};
}

Madvise Generator::make_madvise() {
  const std::uint64_t addr = any_address();
  return {.process = process_, .addr = addr, .length = any_length(addr), .advice = any_advice()};
}

Mremap Generator::make_mremap() {
  Mremap call{.process = process_, .addr = any_address()};
  call.old_length = any_length(call.addr);
  if (random_.one_in(15)) call.old_length = 0;
  call.new_length = any_length(call.addr);
  if (random_.one_in(4)) call.new_length = call.old_length;
  call.flags = random_.pick({0, MREMAP_MAYMOVE, MREMAP_MAYMOVE, MREMAP_MAYMOVE,
                             MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_MAYMOVE | MREMAP_FIXED,
                             MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
                             MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED});
  if (random_.one_in(50)) call.flags = random_.below(16);
  if ((call.flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0 || random_.one_in(4))
    call.new_addr = any_address();
  return call;
}

Brk Generator::make_brk() {
  constexpr std::uint64_t kStartOfBreak = 0x40001000;
  switch (random_.below(6)) {
    case 0:
      return {process_, any_address()};
    case 1:
      return {process_, kStartOfBreak};
    case 2:
      return {process_, kStartOfBreak + random_.below(20 * kPageSize)};
    default:
      return {process_, kStartOfBreak + random_.below(600) * kPageSize};
  }
}

Mlock Generator::make_mlock() {
  const std::uint64_t addr = any_address();
  return {.process = process_,
          .addr = addr,
          .length = any_length(addr),
          .flags = random_.one_in(20) ? random_.below(4) : random_.below(2)};
}

Munlock Generator::make_munlock() {
  const std::uint64_t addr = any_address();
  return {.process = process_, .addr = addr, .length = any_length(addr)};
}

Mseal Generator::make_mseal() {
  const std::uint64_t addr = any_address();
  return {.process = process_,
          .addr = addr,
          .length = any_length(addr),
          .flags = random_.one_in(10) ? 1U : 0U};
}

Touch Generator::make_touch() {
  Touch touch{.process = process_};
  touch.access = random_.pick(
      {Access::Read, Access::Read, Access::Write, Access::Write, Access::Write, Access::Execute});
  const Area& area = *any_area();
  if (random_.one_in(12)) {
    touch.addr = any_address();
  } else {
    touch.addr = inside(area);
    if (random_.one_in(3))
      touch.pages = static_cast<unsigned>(random_.between(2, random_.one_in(8) ? 520 : 24));
  }
  // An instruction that lies on two pages would need both.
  if (touch.access == Access::Execute) touch.addr = page_floor(touch.addr);
  return touch;
}

Ftruncate Generator::make_ftruncate() {
  return {.file = any_file(),
          .size = random_.pick({std::uint64_t{0}, kPageSize, 2 * kPageSize + 1,
                                random_.below(70) * kPageSize, 2 * kMiB, 2 * kMiB + kPageSize})};
}

}  // namespace ft::differential
