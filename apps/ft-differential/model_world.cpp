#include "model_world.h"

#include <linux/mman.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/units.h"

namespace ft::differential {

namespace {

namespace virt = sim::virt;
using sim::machine::Process;

struct FlagCode {
  virt::VmFlags flag;
  std::string_view code;
};

// fs/proc/task_mmu.c show_smap_vma_flags.
constexpr FlagCode kFlagCodes[] = {
    {virt::kVmRead, "rd"},       {virt::kVmWrite, "wr"},       {virt::kVmExec, "ex"},
    {virt::kVmShared, "sh"},     {virt::kVmMayRead, "mr"},     {virt::kVmMayWrite, "mw"},
    {virt::kVmMayExec, "me"},    {virt::kVmMayShare, "ms"},    {virt::kVmGrowsDown, "gd"},
    {virt::kVmPfnMap, "pf"},     {virt::kVmLocked, "lo"},      {virt::kVmIo, "io"},
    {virt::kVmSeqRead, "sr"},    {virt::kVmRandRead, "rr"},    {virt::kVmDontCopy, "dc"},
    {virt::kVmDontExpand, "de"}, {virt::kVmLockOnFault, "lf"}, {virt::kVmAccount, "ac"},
    {virt::kVmNoReserve, "nr"},  {virt::kVmHugetlb, "ht"},     {virt::kVmSync, "sf"},
    {virt::kVmWipeOnFork, "wf"}, {virt::kVmDontDump, "dd"},    {virt::kVmMixedMap, "mm"},
    {virt::kVmHugePage, "hg"},   {virt::kVmNoHugePage, "nh"},  {virt::kVmMergeable, "mg"},
    {virt::kVmMaybeGuard, "gu"}, {virt::kVmDroppable, "dp"},   {virt::kVmSealed, "sl"}};

host::VmFlags codes_of(virt::VmFlags flags) {
  host::VmFlags codes;
  for (const FlagCode& known : kFlagCodes)
    if ((flags & known.flag) != 0) codes.add(known.code);
  return codes;
}

virt::VmFlags flags_of(const host::VmFlags& codes) {
  virt::VmFlags flags = 0;
  for (const FlagCode& known : kFlagCodes)
    if (codes.has(known.code)) flags |= known.flag;
  return flags;
}

// arch/x86/mm/mmap.c mmap_base() without randomness: below the stack's limit and its guard gap.
std::uint64_t mmap_base(const virt::Limits& limits) {
  const std::uint64_t wanted = limits.stack + limits.stack_guard_pages * kPageSize;
  const std::uint64_t gap = std::clamp(wanted, 128 * kMiB, kUserEnd / 6 * 5);
  return page_floor(kUserEnd - gap + kPageSize - 1);
}

bool is_zero_page(sim::phys::Pfn pfn) {
  const sim::phys::Pfn huge = sim::phys::kHugeZeroPage;
  return pfn == sim::phys::kZeroPage || (pfn >= huge && pfn < huge + (1U << sim::phys::kHugeOrder));
}

TouchEnd end_of(const sim::fault::Outcome& outcome) {
  using sim::fault::Kind;
  switch (outcome.kind) {
    case Kind::SegvUnmapped:
      return TouchEnd::SegvMapError;
    case Kind::SegvAccess:
      return TouchEnd::SegvAccessError;
    case Kind::BusPastEnd:
      return TouchEnd::BusError;
    default:
      return TouchEnd::Done;
  }
}

sim::machine::Settings settings_for(sim::machine::Settings settings, const Start& start,
                                    const StartFacts& facts) {
  virt::Limits& limits = settings.limits;
  limits.address_space = start.address_space_limit;
  limits.data = start.data_limit;
  limits.stack = start.stack_limit;
  limits.memlock = start.memlock_limit;
  limits.may_lock = limits.raw_io = limits.administrator = start.privileged;
  virt::Layout& layout = settings.layout;
  layout.mmap_base = mmap_base(limits);
  layout.start_brk = layout.brk = facts.start_brk;
  layout.start_data = facts.start_data;
  layout.end_data = facts.end_data;
  layout.start_stack = facts.start_stack;
  return settings;
}

}  // namespace

ModelWorld::ModelWorld(const sim::machine::Settings& settings, const Program& program,
                       const StartFacts& facts) {
  add_files(program);
  members_.push_back({.process = std::make_unique<Process>(
                          settings_for(settings, program.start, facts), frames_, committed_)});
  settle(facts);
}

void ModelWorld::add_files(const Program& program) {
  for (const File& file : program.files) {
    const bool memory = file.kind == File::Kind::Memory;
    files_.push_back(
        {.file = memory ? std::make_shared<virt::BackingFile>(virt::FileKind::Shmem, file.size,
                                                              virt::BackingFile::Cached::Nothing)
                        : std::make_shared<virt::BackingFile>(virt::FileKind::Regular, file.size),
         .mode = file.mode,
         .resizable = memory && file.mode == File::Mode::ReadWrite});
  }
}

// The same steps as Tracee::settle(), so that page tables and anon_vmas come out the same.
void ModelWorld::settle(const StartFacts& facts) {
  Member& first = members_.front();
  Process& process = *first.process;
  process.mmap(kStub.start, kStub.size(), PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, nullptr, 0);
  process.touch(kStub.start, Access::Write);
  process.mprotect(kStub.start, kStub.size(), PROT_READ | PROT_EXEC);
  for (const Area& area : facts.areas) {
    if (area.range == kStub) continue;
    virt::Vma vma;
    vma.range = area.range;
    if (vma.range.end == kArgumentPage.start) vma.range.end = kArgumentPage.end;
    vma.flags = flags_of(area.flags);
    vma.page_offset = area.range.start >> kPageShift;
    vma.name = area.backing == kOther ? "[vdso]" : "[stack]";
    process.add_initial_area(vma);
    if (area.backing == kOther) continue;
    // The kernel wrote the arguments there, which are gone; the page tables are not.
    process.touch(vma.range.end - kPageSize, Access::Write);
    process.munmap(kArgumentPage.start, kArgumentPage.size());
    process.madvise(area.range.start, area.range.size(), MADV_DONTNEED);
  }
  first.before = process.faults();
}

Effect ModelWorld::run(const Instruction& instruction) {
  if (const auto* call = std::get_if<Ftruncate>(&instruction))
    return Effect{.value = truncate(*call)};
  const unsigned number = *process_of(instruction);
  if (number >= members_.size() || !members_[number].process) return Effect{.absent = true};
  Process& process = *members_[number].process;
  if (std::holds_alternative<Fork>(instruction)) return fork(process);
  if (std::holds_alternative<Exit>(instruction)) {
    if (number == 0) return Effect{.absent = true};
    members_[number].process.reset();
    return Effect{};
  }
  return act(process, instruction);
}

Effect ModelWorld::fork(Process& process) {
  const auto alive = std::ranges::count_if(
      members_, [](const Member& member) { return member.process != nullptr; });
  if (static_cast<std::size_t>(alive) >= kMostProcesses) return Effect{.absent = true};
  std::unique_ptr<Process> child = process.fork();
  if (!child) return Effect{.value = -ENOMEM};
  const sim::machine::FaultCounts before = child->faults();
  members_.push_back({.process = std::move(child), .before = before});
  return Effect{};
}

std::int64_t ModelWorld::truncate(const Ftruncate& call) {
  const auto number = static_cast<std::size_t>(call.file);
  if (call.file < 0 || number >= files_.size() || !files_[number].resizable) return -EBADF;
  files_[number].file->resize(call.size);
  return 0;
}

std::int64_t ModelWorld::mmap(Process& process, const Mmap& call) const {
  // Before the model begins: the descriptor is looked up (mm/mmap.c ksys_mmap_pgoff).
  const bool wants_file = (call.flags & MAP_ANONYMOUS) == 0;
  const auto number = static_cast<std::size_t>(call.file);
  if (wants_file && (call.file < 0 || number >= files_.size()))
    return call.offset % kPageSize != 0 ? -EINVAL : -EBADF;
  if (!wants_file)
    return process.mmap(call.addr, call.length, call.prot, call.flags, nullptr, call.offset);
  const OpenFile& open = files_[number];
  const sim::machine::OpenFile file{.file = open.file,
                                    .readable = open.mode != File::Mode::WriteOnly,
                                    .writable = open.mode != File::Mode::ReadOnly};
  return process.mmap(call.addr, call.length, call.prot, call.flags, &file, call.offset);
}

Effect ModelWorld::act(Process& process, const Instruction& instruction) {
  if (const auto* touch = std::get_if<Touch>(&instruction)) {
    Effect effect;
    for (unsigned page = 0; page < touch->pages && effect.end == TouchEnd::Done; ++page)
      effect.end = end_of(process.touch(touch->addr + page * kPageSize, touch->access));
    return effect;
  }
  struct Call {
    const ModelWorld& world;
    Process& process;
    std::int64_t operator()(const Mmap& c) const { return world.mmap(process, c); }
    std::int64_t operator()(const Munmap& c) const { return process.munmap(c.addr, c.length); }
    std::int64_t operator()(const Mprotect& c) const {
      return process.mprotect(c.addr, c.length, c.prot);
    }
    std::int64_t operator()(const Madvise& c) const {
      return process.madvise(c.addr, c.length, c.advice);
    }
    std::int64_t operator()(const Mremap& c) const {
      return process.mremap(c.addr, c.old_length, c.new_length, c.flags, c.new_addr);
    }
    std::int64_t operator()(const Brk& c) const { return process.brk(c.addr); }
    std::int64_t operator()(const Mlock& c) const {
      return process.mlock(c.addr, c.length, c.flags);
    }
    std::int64_t operator()(const Munlock& c) const { return process.munlock(c.addr, c.length); }
    std::int64_t operator()(const Mseal& c) const {
      return process.mseal(c.addr, c.length, c.flags);
    }
    std::int64_t operator()(const Touch&) const { return 0; }
    std::int64_t operator()(const Fork&) const { return 0; }
    std::int64_t operator()(const Exit&) const { return 0; }
    std::int64_t operator()(const Ftruncate&) const { return 0; }
  };
  return Effect{.value = std::visit(Call{*this, process}, instruction)};
}

WorldState ModelWorld::state() const {
  WorldState states;
  for (const Member& member : members_)
    states.push_back(member.process ? state_of(member) : ProcessState{});
  return states;
}

void ModelWorld::check() const {
  for (const Member& member : members_)
    if (member.process) member.process->check();
}

ProcessState ModelWorld::state_of(const Member& member) const {
  const Process& process = *member.process;
  ProcessState state;
  for (const virt::Vma& vma : process.areas()) {
    Area area = area_of(vma);
    add_pages(process, area, state.pages);
    state.areas.push_back(area);
  }
  const virt::VmTotals& totals = process.space().totals();
  const virt::ResidentPages resident = process.resident();
  state.page_tables = process.tables().vm_pte_bytes();
  state.rss_anonymous = resident.anonymous * kPageSize;
  state.rss_file = resident.file * kPageSize;
  state.rss_shmem = resident.shmem * kPageSize;
  state.size = totals.total * kPageSize;
  state.locked = totals.locked * kPageSize;
  state.data = totals.data * kPageSize;
  state.stack = totals.stack * kPageSize;
  state.minor_faults = process.faults().minor - member.before.minor;
  state.major_faults = process.faults().major - member.before.major;
  return state;
}

Area ModelWorld::area_of(const virt::Vma& vma) const {
  Area area{.range = vma.range, .flags = codes_of(vma.flags)};
  if (!vma.may_split()) {
    area.backing = kOther;
  } else if (vma.file) {
    const auto it = std::ranges::find(files_, vma.file, &OpenFile::file);
    area.backing = it == files_.end() ? kSharedAnonymous : static_cast<int>(it - files_.begin());
    area.offset = vma.page_offset * kPageSize;
  }
  return area;
}

void ModelWorld::add_pages(const Process& process, Area& area, std::vector<Page>& pages) const {
  const sim::phys::FrameTable& frames = frames_.frames();
  process.page_table().for_each_page(
      area.range, [&](std::uint64_t address, const virt::PageView& view) {
        if (!view.present && !view.swapped && !view.guard) return;
        Page page{.address = address,
                  .present = view.present,
                  .swapped = view.swapped,
                  .file_or_shared = view.file,
                  .guard = view.guard,
                  .exclusive = view.exclusive,
                  .huge = view.shift > kPageShift};
        if (view.present) {
          const sim::phys::Frame& frame = frames[view.pfn];
          page.zero = is_zero_page(view.pfn);
          page.frame = view.pfn;
          const bool anonymous = frame.kind == sim::phys::FrameKind::Anonymous;
          // fs/proc/task_mmu.c smaps_account: zero pages are nobody's.
          if (!page.zero) area.rss += kPageSize;
          if (anonymous) area.anonymous += kPageSize;
          if (anonymous && page.huge) area.huge += kPageSize;
        }
        pages.push_back(page);
      });
}

}  // namespace ft::differential
