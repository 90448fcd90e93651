#include "sim/profile/costs.h"

#include <algorithm>

namespace ft::sim::profile {

namespace {

constexpr std::array<std::string_view, kCosts> kNames = {"syscall",
                                                         "fault_anon",
                                                         "fault_anon_16k",
                                                         "fault_anon_32k",
                                                         "fault_anon_64k",
                                                         "fault_anon_128k",
                                                         "fault_anon_256k",
                                                         "fault_anon_512k",
                                                         "fault_anon_1024k",
                                                         "fault_anon_2m",
                                                         "fault_anon_2m_of_two",
                                                         "fault_zero_page",
                                                         "fault_file",
                                                         "fault_file_page",
                                                         "fault_cow",
                                                         "fault_cow_mapped",
                                                         "fault_reuse",
                                                         "fault_shmem",
                                                         "fault_hugetlb_2m",
                                                         "page_table",
                                                         "populate_page",
                                                         "mmap",
                                                         "mmap_file",
                                                         "munmap",
                                                         "munmap_page",
                                                         "mprotect",
                                                         "mprotect_page",
                                                         "madvise",
                                                         "madvise_page",
                                                         "mremap",
                                                         "brk",
                                                         "munmap_huge",
                                                         "flush_local",
                                                         "flush_local_page",
                                                         "flush_remote",
                                                         "tlb_l2_hit",
                                                         "tlb_walk_4k",
                                                         "tlb_walk_2m"};
static_assert(!kNames.back().empty());

constexpr unsigned kLeastFolioOrder = 2;  // of anonymous memory: THP_ORDERS_ALL_ANON
constexpr unsigned kHugeFolioOrder = 9;

}  // namespace

std::string_view name_of(Cost cost) {
  return kNames[static_cast<std::size_t>(cost)];
}

std::optional<Cost> anonymous_fault(unsigned order) {
  if (order == 0) return Cost::FaultAnon;
  if (order < kLeastFolioOrder || order > kHugeFolioOrder) return std::nullopt;
  return static_cast<Cost>(static_cast<unsigned>(Cost::FaultAnon16k) + order - kLeastFolioOrder);
}

bool Costs::empty() const {
  return std::ranges::none_of(values_, [](const auto& value) { return value.has_value(); });
}

std::vector<Cost> Costs::known() const {
  std::vector<Cost> costs;
  for (std::size_t i = 0; i < kCosts; ++i) {
    if (values_[i]) costs.push_back(static_cast<Cost>(i));
  }
  return costs;
}

}  // namespace ft::sim::profile
