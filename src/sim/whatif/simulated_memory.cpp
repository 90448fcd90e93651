#include "sim/whatif/simulated_memory.h"

#include <fmt/format.h>
#include <linux/mempolicy.h>

#include <algorithm>

#include "base/text.h"

namespace ft::sim::whatif {

namespace {

using event::SyscallNumber;
using phys::FrameUse;
using phys::NodeId;

constexpr unsigned kOrder2m = phys::kHugeOrder;
constexpr unsigned kOrder1g = 18;

}  // namespace

Result<std::unique_ptr<SimulatedMemory>> SimulatedMemory::make(const MemoryPlan& plan,
                                                               const event::Trace& trace,
                                                               BlockTally& tally) {
  std::unique_ptr<phys::Memory> memory = FT_TRY(phys::Memory::make(plan.start));
  std::unique_ptr<SimulatedMemory> made(new SimulatedMemory(plan, std::move(memory), trace, tally));
  FT_TRY_VOID(made->fill_pools());
  if (plan.fragmented > 0) made->memory_->fragment(plan.fragmented);
  made->memory_->set_placer(made.get());
  return made;
}

SimulatedMemory::SimulatedMemory(const MemoryPlan& plan, std::unique_ptr<phys::Memory> memory,
                                 const event::Trace& trace, BlockTally& tally)
    : plan_(plan), memory_(std::move(memory)), tally_(tally) {
  for (const phys::Node& node : memory_->nodes()) nodes_.set(node.id);
  for (const event::Process& process : trace.processes) {
    parent_of_[process.pid] = process.parent;
  }
  place_threads(trace);
  run(0, 0);
}

// --- before the start ------------------------------------------------------------------------

Result<void> SimulatedMemory::fill_pools() {
  FT_TRY_VOID(fill_pool(kOrder1g, plan_.hugetlb.pages_1g));
  return fill_pool(kOrder2m, plan_.hugetlb.pages_2m);
}

// alloc_pool_huge_folio: from one node after the other; one that has none left is passed over.
Result<void> SimulatedMemory::fill_pool(unsigned order, std::uint64_t pages) {
  NodeId node = nodes_.first();
  unsigned empty = 0;
  std::vector<phys::Pfn>& pool = pools_[order];
  while (pool.size() < pages) {
    const phys::MaybeFrame first = page_for_pool(order, node, true);
    if (first) {
      pool.push_back(*first);
      empty = 0;
    } else if (++empty == nodes_.size()) {
      return fail(fmt::format("machine {}", printable(plan_.machine)),
                  fmt::format("{} hugetlb pages of {} were asked for, there is memory for {}",
                              pages, human_bytes(kPageSize << order), pool.size()));
    }
    node = nodes_.next_around(node);
  }
  return {};
}

phys::MaybeFrame SimulatedMemory::page_for_pool(unsigned order, NodeId node, bool here_only) {
  if (order > phys::kMaxOrder) return memory_->allocate_gigantic(order);
  phys::Request request = phys::Request::user(order);
  request.node = node;
  request.this_node_only = here_only;
  request.one_try = true;
  return memory_->request(request);
}

// In the order of their births. The scheduler keeps few running threads on one node, and spreads
// many; a recording does not say where they ran.
void SimulatedMemory::place_threads(const event::Trace& trace) {
  std::vector<std::vector<std::uint32_t>> cpus_of_node;
  for (const NodeId node : [&] {
         std::set<NodeId> with_cpus(plan_.start.node_of_cpu.begin(), plan_.start.node_of_cpu.end());
         return with_cpus;
       }()) {
    std::vector<std::uint32_t>& cpus = cpus_of_node.emplace_back();
    for (std::uint32_t cpu = 0; cpu < plan_.start.node_of_cpu.size(); ++cpu) {
      if (plan_.start.node_of_cpu[cpu] == node) cpus.push_back(cpu);
    }
  }
  if (plan_.threads == ThreadPlaces::Together) cpus_of_node.resize(1);
  std::vector<const event::Thread*> births;
  for (const event::Thread& thread : trace.threads) births.push_back(&thread);
  std::ranges::stable_sort(births, {}, &event::Thread::start_ts);
  for (std::size_t i = 0; i < births.size(); ++i) {
    const std::vector<std::uint32_t>& cpus = cpus_of_node[i % cpus_of_node.size()];
    cpu_of_[births[i]->tid] = cpus[i / cpus_of_node.size() % cpus.size()];
  }
}

// --- while it runs -----------------------------------------------------------------------------

// A task has the policy of whom it came from: a thread that of its process, as far as is known.
numa::Placement& SimulatedMemory::placement_of(event::Pid pid, event::Tid tid) {
  if (const auto found = placements_.find(tid); found != placements_.end()) return found->second;
  numa::Policy policy = plan_.policy;
  if (const auto leader = placements_.find(pid); leader != placements_.end()) {
    policy = leader->second.task_policy();
  } else if (const auto parent = parent_of_.find(pid); parent != parent_of_.end()) {
    const auto giver = placements_.find(parent->second);
    if (giver != placements_.end()) policy = giver->second.task_policy();
  }
  numa::Placement& placement = placements_[tid];
  placement.set_task_policy(policy);
  placement.set_weights(plan_.weights);
  return placement;
}

void SimulatedMemory::run(event::Pid pid, event::Tid tid) {
  if (placement_ && pid == pid_ && tid == tid_) return;
  pid_ = pid;
  tid_ = tid;
  placement_ = &placement_of(pid, tid);
  const auto cpu = cpu_of_.find(tid);
  const std::uint32_t runs_on = cpu == cpu_of_.end() ? 0 : cpu->second;
  if (memory_->cpu() != runs_on) memory_->set_cpu(runs_on);
}

// The nodes are in memory that is not recorded.
numa::Policy SimulatedMemory::policy_of(std::uint64_t mode, const char* call) {
  constexpr std::uint64_t kModeFlags =
      MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING;
  numa::Policy policy;
  switch (mode & ~kModeFlags) {
    case MPOL_INTERLEAVE:
      policy = {.mode = numa::Mode::Interleave, .nodes = nodes_};
      break;
    case static_cast<std::uint64_t>(numa::Mode::WeightedInterleave):
      policy = {.mode = numa::Mode::WeightedInterleave, .nodes = nodes_};
      break;
    case MPOL_DEFAULT:
    case MPOL_LOCAL:
      return policy;
    default:
      notes_.insert(fmt::format(
          "{} asks for nodes that are not in the recording: taken as the local one", call));
      return policy;
  }
  notes_.insert(
      fmt::format("{} interleaves over nodes that are not in the recording: taken as all", call));
  return policy;
}

void SimulatedMemory::follow(const event::Syscall& call) {
  if (call.failed()) return;
  const std::uint64_t start =
      call.number == SyscallNumber::Mmap ? static_cast<std::uint64_t>(call.ret) : call.addr();
  const std::uint64_t length = call.length();
  const bool sane = length <= ~std::uint64_t{0} - kPageSize - start;
  const AddressRange range = sane ? AddressRange{start, start + page_ceil(length)} : AddressRange{};
  switch (call.number) {
    case SyscallNumber::SetMempolicy:
      if (!plan_.keeps_policy) {
        placement_of(call.pid, call.tid).set_task_policy(policy_of(call.args[0], "set_mempolicy"));
      }
      return;
    case SyscallNumber::Mbind:
      if ((call.args[2] & 0xffU) == MPOL_DEFAULT) {
        areas_[call.pid].erase(range);
      } else {
        areas_[call.pid].assign(range, policy_of(call.args[2], "mbind"));
      }
      if ((call.args[5] & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) != 0) {
        notes_.insert("mbind with MPOL_MF_MOVE: pages that are there already are not moved");
      }
      return;
    case SyscallNumber::Mmap:
    case SyscallNumber::Munmap:
      if (const auto found = areas_.find(call.pid); found != areas_.end()) {
        found->second.erase(range);
      }
      return;
    default:
      return;
  }
}

// vma_thp_gfp_mask
phys::HugeEffort SimulatedMemory::effort(bool advised) const {
  using profile::Defrag;
  switch (plan_.defrag) {
    case Defrag::Always:
      return phys::HugeEffort::Reclaim;
    case Defrag::Defer:
      return phys::HugeEffort::WakeKswapd;
    case Defrag::DeferMadvise:
      return advised ? phys::HugeEffort::Reclaim : phys::HugeEffort::WakeKswapd;
    case Defrag::Madvise:
      return advised ? phys::HugeEffort::Reclaim : phys::HugeEffort::None;
    case Defrag::Never:
      return phys::HugeEffort::None;
  }
  return phys::HugeEffort::None;
}

phys::MaybeFrame SimulatedMemory::place(phys::Memory& memory, unsigned order, FrameUse use) {
  if (use == FrameUse::Hugetlb) return take_hugetlb(order);
  const phys::WantedPlace& wanted = memory.wanted();
  const auto areas = areas_.find(pid_);
  const numa::Policy* area =
      areas == areas_.end() ? nullptr : areas->second.find(wanted.address).second;
  current().set_place({.policy = area,
                       .page_offset = wanted.page_offset,
                       .offset = wanted.address - wanted.area_start});
  memory.set_huge_effort(effort(wanted.advised));
  const phys::MaybeFrame first = current().place(memory, order, use);
  tally_.count(order, use, static_cast<bool>(first));
  return first;
}

// The pool's first page on the node that the policy wants, else any (dequeue_hugetlb_folio_vma).
phys::MaybeFrame SimulatedMemory::take_hugetlb(unsigned order) {
  const phys::WantedPlace& wanted = memory_->wanted();
  std::vector<phys::Pfn>& pool = pools_[order];
  const numa::Policy& policy = current().task_policy();
  NodeId node = memory_->node();
  const std::uint64_t index =
      numa::interleave_index(wanted.page_offset, wanted.address - wanted.area_start, order);
  if (policy.mode == numa::Mode::Interleave) node = numa::interleave_node(policy.nodes, index);
  if (policy.mode == numa::Mode::WeightedInterleave) {
    node = numa::weighted_interleave_node(policy.nodes, plan_.weights, index);
  }
  if (policy.mode == numa::Mode::Preferred) node = policy.nodes.first();
  const bool bound = policy.mode == numa::Mode::Bind;
  if (bound && !policy.nodes.contains(node)) node = policy.nodes.first();
  const auto on = [&](phys::Pfn pfn) { return memory_->zone_of(pfn).node(); };
  auto found = std::ranges::find_if(pool, [&](phys::Pfn pfn) { return on(pfn) == node; });
  if (found == pool.end()) {
    found = std::ranges::find_if(
        pool, [&](phys::Pfn pfn) { return !bound || policy.nodes.contains(on(pfn)); });
  }
  if (found == pool.end() && plan_.pools_grow) {
    const phys::MaybeFrame fresh = page_for_pool(order, node, false);
    tally_.count(order, FrameUse::Hugetlb, static_cast<bool>(fresh));
    return fresh;
  }
  if (found == pool.end()) return std::nullopt;
  const phys::Pfn first = *found;
  pool.erase(found);
  tally_.count(order, FrameUse::Hugetlb, true);
  return first;
}

void SimulatedMemory::start_counting() {
  for (const phys::Node& node : memory_->nodes()) counted_from_[node.id] = memory_->numa(node.id);
}

phys::NumaCounters SimulatedMemory::numa(NodeId node) const {
  phys::NumaCounters now = memory_->numa(node);
  const auto from = counted_from_.find(node);
  if (from == counted_from_.end()) return now;
  const phys::NumaCounters& then = from->second;
  now.hit -= then.hit;
  now.miss -= then.miss;
  now.foreign -= then.foreign;
  now.interleave_hit -= then.interleave_hit;
  now.local_node -= then.local_node;
  now.other_node -= then.other_node;
  return now;
}

}  // namespace ft::sim::whatif
