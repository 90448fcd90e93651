#include "sim/machine/process.h"

#include <cerrno>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/virt/gather.h"

namespace ft::sim::machine {

using fault::Populate;
using virt::BackingFile;
using virt::FollowUp;
using virt::Vma;

// The parts in the order in which they depend on each other.
class Process::Parts final : public virt::InvalidationSink, public virt::FileMapper {
 public:
  Parts(Settings settings, phys::FrameSource& frames, virt::CommitAccount& committed)
      : settings_(settings),
        frames_(frames),
        committed_(committed),
        table_(frames, settings_.behaviour, settings_.layout.table_levels, narrator_) {}

  ~Parts() override {
    narrator_.listen(nullptr);  // nobody asked how a process ends, and the path may be gone
    for (const std::weak_ptr<BackingFile>& mapped : files_)
      if (const std::shared_ptr<BackingFile> file = mapped.lock()) file->remove_mapper(*this);
  }

  void begin() {
    adopt(std::make_unique<virt::AddressSpace>(virt_surroundings(), settings_.limits,
                                               settings_.layout));
  }

  void adopt(std::unique_ptr<virt::AddressSpace> space) {
    space_ = std::move(space);
    handler_.emplace(fault::FaultHandler::Surroundings{.behaviour = settings_.behaviour,
                                                       .space = *space_,
                                                       .table = table_,
                                                       .invalidations = *this,
                                                       .narrator = narrator_},
                     settings_.huge_pages);
  }

  virt::Surroundings virt_surroundings() {
    return {.behaviour = settings_.behaviour,
            .committed = committed_,
            .page_table = table_,
            .invalidations = *this,
            .narrator = narrator_};
  }

  std::unique_ptr<Parts> fork() {
    auto child = std::make_unique<Parts>(settings_, frames_, committed_);
    std::unique_ptr<virt::AddressSpace> space = space_->fork(child->virt_surroundings());
    if (!space) return nullptr;
    child->adopt(std::move(space));
    const virt::VmaSet& areas = child->space_->areas();
    for (std::size_t i = 0; i < areas.size(); ++i) child->remember(areas[i].file);
    return child;
  }

  // Runs one system call and what it leaves to do afterwards.
  template <typename Call>
  std::int64_t call(Call make_call) {
    told_ = 0;
    const virt::Answer answer = make_call(*space_);
    if (told_ == 0) narrator_.step("flush_tlb_mm_range", [] { return tlb::describe({}); });
    std::int64_t value = answer.value;
    for (const FollowUp& follow_up : answer.then) {
      const std::int64_t error = follow(follow_up);
      if (error != 0) {  // before a failed call failed, it did these
        value = error;
        break;
      }
    }
    return value;
  }

  // Truncation must find who maps the file.
  void remember(const std::shared_ptr<BackingFile>& file) {
    if (!file) return;
    file->add_mapper(*this);
    std::erase_if(files_, [](const std::weak_ptr<BackingFile>& other) { return other.expired(); });
    const bool known = std::ranges::any_of(
        files_, [&](const std::weak_ptr<BackingFile>& other) { return other.lock() == file; });
    if (!known) files_.push_back(file);
  }

  void on_invalidation(const virt::Invalidation& invalidation) override {
    ++told_;
    if (log_ != nullptr || narrator_.listening()) {
      const tlb::Flush flush = tlb::decide({.span = invalidation.span,
                                            .stride_shift = invalidation.stride_shift,
                                            .tables_freed = invalidation.tables_freed},
                                           {}, invalidation.cause);
      if (log_ != nullptr) log_->add(flush);
      narrator_.step("flush_tlb_mm_range", [&] { return tlb::describe(flush); });
    }
    if (sink_ != nullptr) sink_->on_invalidation(invalidation);
  }

  // mm/memory.c unmap_mapping_pages: one gather for each area.
  void unmap_file_pages(const BackingFile& file, std::uint64_t first, std::uint64_t last,
                        bool own_copies) override {
    const virt::VmaSet& areas = space_->areas();
    for (std::size_t i = 0; i < areas.size(); ++i) {
      const Vma& vma = areas[i];
      if (vma.file.get() != &file) continue;
      const std::uint64_t begin = std::max(first, vma.page_offset);
      const std::uint64_t end = std::min(last, vma.page_offset + vma.pages());
      if (begin >= end) continue;
      const AddressRange range{vma.range.start + ((begin - vma.page_offset) << kPageShift),
                               vma.range.start + ((end - vma.page_offset) << kPageShift)};
      virt::Gather gather(*this, "truncate");
      table_.zap(vma, range, gather, own_copies ? virt::Zap::DontNeed : virt::Zap::FilePagesOnly);
    }
  }

  void check() const {
    space_->check();
    table_.check();
    // No page is mapped outside of an area.
    const virt::VmaSet& areas = space_->areas();
    std::uint64_t inside = 0;
    for (std::size_t i = 0; i < areas.size(); ++i) inside += table_.present_pages(areas[i].range);
    const std::uint64_t end = std::uint64_t{1} << (table_.levels() == 5 ? 57U : 48U);
    FT_CHECK(inside == table_.present_pages({0, end}));
    for (const std::weak_ptr<BackingFile>& mapped : files_)
      if (const std::shared_ptr<BackingFile> file = mapped.lock()) file->check();
  }

  virt::AddressSpace& space() { return *space_; }
  virt::PageTable& table() { return table_; }
  fault::FaultHandler& handler() { return *handler_; }
  path::Narrator& narrator() { return narrator_; }
  void set_sink(virt::InvalidationSink* sink) { sink_ = sink; }
  void set_log(tlb::FlushLog* log) { log_ = log; }

 private:
  std::int64_t follow(const FollowUp& follow_up) {
    using Kind = FollowUp::Kind;
    switch (follow_up.kind) {
      case Kind::Populate:
        return handler_->populate(follow_up.range, Populate::Ignore);
      case Kind::Lock:
        return handler_->populate(follow_up.range, Populate::Lock);
      case Kind::PopulateRead:
        return handler_->populate(follow_up.range, Populate::Read);
      case Kind::PopulateWrite:
        return handler_->populate(follow_up.range, Populate::Write);
      case Kind::PunchHole:
        return punch_hole(follow_up.range);
      case Kind::ReadAhead:
        return read_ahead(follow_up.range);
      case Kind::Collapse:
        return handler_->collapse(follow_up.range);
      case Kind::PageOut:
        return page_out(follow_up.range);
    }
    return 0;
  }

  // REQUIRES: `range` lies within one area of a file.
  std::int64_t punch_hole(AddressRange range) {
    const Vma* vma = space_->find(range.start);
    FT_CHECK(vma != nullptr && vma->file != nullptr);
    const std::shared_ptr<BackingFile> file = vma->file;
    const std::uint64_t first = vma->page_of(range.start);
    file->punch_hole(first, first + (range.size() >> kPageShift));
    return 0;
  }

  // REQUIRES: `range` lies within one area.
  std::int64_t page_out(AddressRange range) {
    const Vma* vma = space_->find(range.start);
    FT_CHECK(vma != nullptr);
    virt::Gather gather(*this, "reclaim");
    table_.page_out(*vma, range, gather);
    return 0;
  }

  std::int64_t read_ahead(AddressRange range) {
    const Vma* vma = space_->find(range.start);
    if (vma == nullptr || vma->file == nullptr || vma->file->kind() != virt::FileKind::Regular)
      return 0;
    const std::uint64_t first = vma->page_of(range.start);
    const std::uint64_t last = std::min(first + (range.size() >> kPageShift), vma->file->pages());
    for (std::uint64_t page = first; page < last; ++page)
      if (!vma->file->is_cached(page)) vma->file->cache(page, page + 1);
    return 0;
  }

  Settings settings_;
  phys::FrameSource& frames_;
  virt::CommitAccount& committed_;
  path::Narrator narrator_;
  virt::PageTable table_;
  std::unique_ptr<virt::AddressSpace> space_;
  std::optional<fault::FaultHandler> handler_;
  std::vector<std::weak_ptr<BackingFile>> files_;
  virt::InvalidationSink* sink_ = nullptr;
  tlb::FlushLog* log_ = nullptr;
  std::uint64_t told_ = 0;  // invalidations of the call that is running
};

Process::Process(Settings settings, phys::FrameSource& frames, virt::CommitAccount& committed)
    : parts_(std::make_unique<Parts>(settings, frames, committed)) {
  parts_->begin();
}

Process::Process(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Process::~Process() = default;

void Process::add_initial_area(Vma vma) {
  parts_->remember(vma.file);
  parts_->space().add_initial_area(std::move(vma));
}

std::int64_t Process::mmap(std::uint64_t addr, std::uint64_t length, std::uint64_t prot,
                           std::uint64_t flags, const OpenFile* file, std::uint64_t offset) {
  const std::int64_t value = parts_->call([&](virt::AddressSpace& space) {
    virt::Answer answer = space.mmap(addr, length, prot, flags, file, offset);
    if (!answer.failed())
      if (const Vma* vma = space.find(static_cast<std::uint64_t>(answer.value)))
        parts_->remember(vma->file);
    return answer;
  });
  return value;
}

std::int64_t Process::munmap(std::uint64_t addr, std::uint64_t length) {
  return parts_->call([&](virt::AddressSpace& space) { return space.munmap(addr, length); });
}

std::int64_t Process::mprotect(std::uint64_t addr, std::uint64_t length, std::uint64_t prot) {
  return parts_->call(
      [&](virt::AddressSpace& space) { return space.mprotect(addr, length, prot); });
}

std::int64_t Process::madvise(std::uint64_t addr, std::uint64_t length, int advice) {
  return parts_->call(
      [&](virt::AddressSpace& space) { return space.madvise(addr, length, advice); });
}

std::int64_t Process::mremap(std::uint64_t addr, std::uint64_t old_length, std::uint64_t new_length,
                             std::uint64_t flags, std::uint64_t new_addr) {
  return parts_->call([&](virt::AddressSpace& space) {
    return space.mremap(addr, old_length, new_length, flags, new_addr);
  });
}

std::int64_t Process::brk(std::uint64_t addr) {
  return parts_->call([&](virt::AddressSpace& space) { return space.brk(addr); });
}

std::int64_t Process::mlock(std::uint64_t addr, std::uint64_t length, std::uint64_t flags) {
  return parts_->call([&](virt::AddressSpace& space) { return space.mlock(addr, length, flags); });
}

std::int64_t Process::munlock(std::uint64_t addr, std::uint64_t length) {
  return parts_->call([&](virt::AddressSpace& space) { return space.munlock(addr, length); });
}

std::int64_t Process::mseal(std::uint64_t addr, std::uint64_t length, std::uint64_t flags) {
  return parts_->call([&](virt::AddressSpace& space) { return space.mseal(addr, length, flags); });
}

std::int64_t Process::set_anon_name(std::uint64_t addr, std::uint64_t length, const char* name) {
  return parts_->call(
      [&](virt::AddressSpace& space) { return space.set_anon_name(addr, length, name); });
}

fault::Outcome Process::touch(std::uint64_t addr, fault::Access access) {
  return parts_->handler().touch(addr, access);
}

std::unique_ptr<Process> Process::fork() {
  std::unique_ptr<Parts> child = parts_->fork();
  if (!child) return nullptr;
  return std::unique_ptr<Process>(new Process(std::move(child)));
}

std::vector<Vma> Process::areas() const {
  const virt::VmaSet& set = parts_->space().areas();
  std::vector<Vma> areas;
  areas.reserve(set.size());
  for (std::size_t i = 0; i < set.size(); ++i) areas.push_back(set[i]);
  return areas;
}

const Vma* Process::find_area(std::uint64_t addr) const {
  return parts_->space().find(addr);
}

const virt::PageTable& Process::page_table() const {
  return parts_->table();
}

const virt::AddressSpace& Process::space() const {
  return parts_->space();
}

virt::ResidentPages Process::resident() const {
  return parts_->table().resident();
}

virt::TableCounts Process::tables() const {
  return parts_->table().counts();
}

FaultCounts Process::faults() const {
  return parts_->handler().counts();
}

std::uint64_t Process::total_pages() const {
  return parts_->space().totals().total;
}

std::uint64_t Process::committed_pages() const {
  return parts_->space().committed_pages();
}

void Process::set_invalidation_sink(virt::InvalidationSink* sink) {
  parts_->set_sink(sink);
}

void Process::set_flush_log(tlb::FlushLog* log) {
  parts_->set_log(log);
}

void Process::narrate(path::Path* path) {
  parts_->narrator().listen(path);
}

void Process::check() const {
  parts_->check();
}

}  // namespace ft::sim::machine
