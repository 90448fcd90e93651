// LimitedFrames gives out frames as long as a memory cgroup and a machine of some size would: each
// block is charged to the group, and taken from a simulated machine; when there is none left, pages
// are reclaimed as the model's kernel does, and processes killed. A page that is swapped out keeps
// its frame here, for the process's tables do not change; it is only counted as gone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "sim/machine/process.h"
#include "sim/phys/frame_store.h"
#include "sim/phys/memory.h"
#include "sim/reclaim/groups.h"
#include "sim/reclaim/reclaimer.h"
#include "sim/reclaim/swap.h"
#include "sim/whatif/memory_limits.h"

namespace ft::sim::whatif {

class LimitedFrames final : public phys::FrameStore, private reclaim::Owner {
 public:
  // Errors: as phys::Memory::make; others have more than there is.
  static Result<std::unique_ptr<LimitedFrames>> make(const LimitPlan& plan);
  ~LimitedFrames() override = default;

  phys::MaybeFrame allocate(unsigned order, phys::FrameUse use) override;
  void free(phys::Pfn first, unsigned order) override;

  // From now on `process` asks, and it is `now`. It lives until it is ended.
  void run(std::int32_t pid, const machine::Process& process, Nanoseconds now);
  void end_process(std::int32_t pid);
  // What the kernel has for all processes besides page tables, in bytes.
  void set_kernel_bytes(std::uint64_t bytes);

  // Of the block that `first` begins: whether it is in swap, or was when its process was killed.
  bool is_swapped(phys::Pfn first) const;

  const std::vector<Killed>& killed() const { return killed_; }
  bool was_killed(std::int32_t pid) const;
  // Adds what was counted.
  void tell(LimitFigures& figures) const;

  void check() const;  // expensive

 private:
  // Charged: to the group, on no list. Unsettled: of the page cache, and not yet described by who
  // took it. Free: nobody here pays for it any more.
  enum class State : std::uint8_t { None, Charged, Unsettled, Resident, Swapped, Dropped, Free };
  struct Block {
    State state = State::None;
    bool swapped = false;
    std::uint8_t order = 0;
    std::int32_t pid = 0;
    reclaim::PageId page = reclaim::kNoPage;
    phys::Pfn machine_frame = 0;
    reclaim::SwapSlot slot = 0;
  };
  LimitedFrames(const LimitPlan& plan, std::unique_ptr<phys::Memory> machine);

  Result<void> take_for_others();
  std::optional<phys::Pfn> take_from_machine(const phys::Request& request);
  void give_to_machine(phys::Pfn frame, unsigned order);
  bool charge(unsigned order, phys::FrameUse use);
  phys::Request request_for(unsigned order, phys::FrameUse use) const;
  Block& block_at(phys::Pfn first);
  void add_to_lists(phys::Pfn first, reclaim::PageKind kind);
  // Shared memory is paid for like anonymous memory, pages of files are not.
  void settle();
  void let_go(phys::Pfn first, State after);
  void note_need();

  // reclaim::Owner.
  void evicted(reclaim::PageId id, const reclaim::Page& page, const reclaim::Evicted& how) override;
  std::vector<reclaim::OomCandidate> processes(reclaim::GroupId group) override;
  void kill(std::int32_t pid, reclaim::GroupId group) override;
  void compressed_memory(std::uint64_t pages) override;

  LimitPlan plan_;
  std::unique_ptr<phys::Memory> machine_;  // nullptr: as large as it has to be
  reclaim::Groups groups_;
  reclaim::GroupId group_ = reclaim::kRootGroup;
  reclaim::Swap swap_;
  std::optional<reclaim::Reclaimer> reclaimer_;

  std::vector<Block> blocks_;        // by frame of this store
  std::vector<phys::Pfn> frame_of_;  // by PageId
  std::vector<phys::Pfn> unsettled_;
  std::vector<phys::Pfn> kernel_frames_;
  std::vector<phys::Pfn> compressed_frames_;
  std::map<std::int32_t, const machine::Process*> processes_;  // alive, by pid
  std::int32_t pid_ = 0;
  Nanoseconds now_ = 0;
  std::vector<Killed> killed_;

  std::uint64_t anonymous_pages_ = 0;  // and shared memory
  std::uint64_t table_pages_ = 0;
  std::uint64_t kernel_pages_ = 0;
  std::uint64_t needed_pages_ = 0;
  std::uint64_t needed_anonymous_ = 0;
  std::uint64_t needed_tables_ = 0;
  std::uint64_t needed_kernel_ = 0;
  std::uint64_t huge_refused_ = 0;
  std::uint64_t most_compressed_ = 0;
};

}  // namespace ft::sim::whatif
