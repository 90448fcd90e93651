#include "kernel/stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "base/fd.h"
#include "base/text.h"

namespace ft::kernel {
namespace {

using Functions = std::vector<std::string_view>;

Functions stack(std::string_view words) {
  Functions functions;
  for (std::string_view word = take_word(words); !word.empty(); word = take_word(words)) {
    functions.push_back(word);
  }
  return functions;
}

std::string_view stage_of(std::string_view words) {
  return name_of(classify(stack(words)).stage);
}

// Stacks as Linux 6.18 had them while a JVM started, innermost first.
TEST(Stage, ReadsRealStacks) {
  const std::string_view kFault =
      " do_anonymous_page __handle_mm_fault handle_mm_fault exc_page_fault asm_exc_page_fault";
  const auto in_fault = [&](std::string inner) { return stage_of(inner + std::string(kFault)); };
  EXPECT_EQ(in_fault("clear_page_erms get_page_from_freelist __alloc_frozen_pages_noprof "
                     "alloc_pages_mpol folio_alloc_mpol_noprof vma_alloc_folio_noprof"),
            "zeroing");
  EXPECT_EQ(in_fault("__list_del_entry_valid_or_report __rmqueue_pcplist rmqueue "
                     "get_page_from_freelist"),
            "page allocation: per-CPU lists");
  EXPECT_EQ(in_fault("_raw_spin_unlock_irqrestore rmqueue_bulk __rmqueue_pcplist rmqueue"),
            "page allocation: buddy");
  EXPECT_EQ(in_fault("shrink_folio_list shrink_lruvec try_to_free_pages "
                     "__alloc_pages_slowpath.constprop.0 __alloc_frozen_pages_noprof"),
            "page allocation: slow path");
  EXPECT_EQ(in_fault("get_mem_cgroup_from_mm __mem_cgroup_charge"), "cgroup charge");
  EXPECT_EQ(in_fault("__lruvec_stat_mod_folio __folio_mod_stat folio_add_new_anon_rmap"),
            "cgroup charge");
  EXPECT_EQ(in_fault("_raw_spin_unlock_irqrestore __folio_batch_add_and_move folio_add_lru_vma"),
            "reverse map and LRU");
  EXPECT_EQ(in_fault("_raw_spin_lock __pte_offset_map_lock"), "entries and tables");
  EXPECT_EQ(stage_of("next_uptodate_folio filemap_map_pages do_fault __handle_mm_fault "
                     "handle_mm_fault exc_page_fault asm_exc_page_fault"),
            "file mapping and fault-around");
  EXPECT_EQ(stage_of("exc_page_fault asm_exc_page_fault"), "trap entry and exit");
  EXPECT_EQ(stage_of("mas_walk lock_vma_under_rcu exc_page_fault asm_exc_page_fault"),
            "area lookup and locking");
  EXPECT_EQ(stage_of("down_read_trylock do_user_addr_fault exc_page_fault asm_exc_page_fault"),
            "area lookup and locking");
  EXPECT_EQ(stage_of("finish_task_switch.isra.0 __schedule schedule futex_do_wait __futex_wait "
                     "futex_wait do_futex __x64_sys_futex do_syscall_64 "
                     "entry_SYSCALL_64_after_hwframe"),
            "scheduling and futex");
  EXPECT_EQ(stage_of("copy_mc_enhanced_fast_string copy_mc_user_highpage wp_page_copy do_wp_page "
                     "__handle_mm_fault handle_mm_fault exc_page_fault asm_exc_page_fault"),
            "copying pages");
  EXPECT_EQ(stage_of("get_file_rcu get_task_exe_file proc_exe_link proc_pid_readlink vfs_readlink "
                     "do_readlinkat.part.0 __x64_sys_readlink do_syscall_64 "
                     "entry_SYSCALL_64_after_hwframe"),
            "page cache, files and I/O");
}

// The same helpers mean different things in different calls.
TEST(Stage, HelpersTakeTheMeaningOfTheirCaller) {
  const std::string_view kCall = " do_syscall_64 entry_SYSCALL_64_after_hwframe";
  const auto in_call = [&](std::string inner) { return stage_of(inner + std::string(kCall)); };
  EXPECT_EQ(in_call("mas_store_gfp mmap_region do_mmap vm_mmap_pgoff __x64_sys_mmap"),
            "mmap: gap, area, tree");
  EXPECT_EQ(in_call("mas_store_gfp do_vmi_align_munmap __vm_munmap __x64_sys_munmap"),
            "unmap and free");
  EXPECT_EQ(in_call("mas_preallocate __split_vma vma_modify mprotect_fixup do_mprotect_pkey "
                    "__x64_sys_mprotect"),
            "mprotect");
  EXPECT_EQ(in_call("memset_orig load_elf_binary bprm_execve __x64_sys_execve"), "exec");
  EXPECT_EQ(in_call("memset_orig kmem_cache_alloc_noprof copy_process kernel_clone"),
            "threads and processes");
  EXPECT_EQ(in_call("native_flush_tlb_multi flush_tlb_mm_range change_protection_range "
                    "mprotect_fixup __x64_sys_mprotect"),
            "TLB flush");
  EXPECT_EQ(in_call("clear_page_rep pte_alloc_one __pte_alloc move_page_tables __x64_sys_mremap"),
            "zeroing");
  EXPECT_EQ(in_call("__x64_sys_sched_getaffinity"), "scheduling and futex");
  EXPECT_EQ(in_call("__x64_sys_getrandom"), "other system calls");
  EXPECT_EQ(in_call("syscall_exit_to_user_mode"), "trap entry and exit");
}

TEST(Stage, WhatHappensInsideOurProbesIsOurs) {
  EXPECT_EQ(
      stage_of("bpf_ringbuf_output bpf_prog_0123456789abcdef_page_alloc bpf_trace_run4 "
               "__alloc_frozen_pages_noprof do_anonymous_page handle_mm_fault exc_page_fault"),
      "recording");
  EXPECT_EQ(stage_of("_raw_spin_lock_irqsave __bpf_ringbuf_reserve something_new bpf_trace_run2"),
            "recording");
  EXPECT_EQ(stage_of("hrtimer_start_range_ns cpu_clock_event_start event_sched_in "
                     "__perf_event_task_sched_in finish_task_switch __schedule schedule"),
            "recording");
}

TEST(Stage, TellsWhatItDoesNotKnow) {
  const Functions names =
      stack("_raw_spin_lock brand_new_function another_one do_syscall_64 entry_SYSCALL_64");
  const Classified found = classify(names);
  EXPECT_EQ(found.stage, Stage::Unknown);
  EXPECT_EQ(found.unclassified, "brand_new_function");
  // Known further out: the caller says enough.
  EXPECT_EQ(stage_of("brand_new_function handle_mm_fault exc_page_fault"), "entries and tables");

  EXPECT_EQ(classify(stack("memcpy")).unclassified, "memcpy");
  EXPECT_EQ(classify({}).stage, Stage::Unknown);
  const Functions nameless = {"", ""};
  EXPECT_EQ(classify(nameless).stage, Stage::Unknown);
  EXPECT_EQ(classify(nameless).unclassified, "");
}

TEST(Stage, SeesThroughWhatCompilersAppend) {
  EXPECT_EQ(base_name("finish_task_switch.isra.0"), "finish_task_switch");
  EXPECT_EQ(base_name("rmqueue_bulk.constprop.0.cold"), "rmqueue_bulk");
  EXPECT_EQ(base_name("do_fault.llvm.123"), "do_fault");
  EXPECT_EQ(base_name("__pfx_clear_page_erms"), "clear_page_erms");
  EXPECT_EQ(base_name("__pi___x86_indirect_thunk_rax"), "__x86_indirect_thunk_rax");
  EXPECT_EQ(base_name(""), "");
}

TEST(Stage, SaysHowFarAStackLiesInAFault) {
  EXPECT_EQ(in_fault(stack("clear_page_erms handle_mm_fault do_user_addr_fault exc_page_fault")),
            InFault::Inside);
  EXPECT_EQ(in_fault(stack("do_user_addr_fault exc_page_fault asm_exc_page_fault")), InFault::Edge);
  // Populated by the kernel: no exception, no fault that was measured.
  EXPECT_EQ(in_fault(stack("handle_mm_fault __get_user_pages __mm_populate __x64_sys_mmap")),
            InFault::No);
  EXPECT_EQ(in_fault({}), InFault::No);
}

TEST(Stage, NamesTheSystemCallAStackIsIn) {
  EXPECT_EQ(system_call_of(stack("do_mmap vm_mmap_pgoff ksys_mmap_pgoff __x64_sys_mmap "
                                 "do_syscall_64")),
            "mmap");
  EXPECT_EQ(system_call_of(stack("copy_process kernel_clone __do_sys_clone3 do_syscall_64")),
            "clone3");
  EXPECT_EQ(system_call_of(stack("clear_page_erms exc_page_fault")), "");
}

TEST(Stage, NamesAreDifferentAndOfEveryStage) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kStageCount; ++i) names.insert(name_of(static_cast<Stage>(i)));
  EXPECT_EQ(names.size(), kStageCount);
}

TEST(StageTable, HoldsEachNameOnce) {
  std::vector<std::string_view> names = names_in_table();
  EXPECT_GT(names.size(), 1000U);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  EXPECT_EQ(twice, names.end()) << *twice;
}

// A name that no kernel has is a slip. FT_KERNEL_SOURCES: folders with sources of other releases,
// separated by colons; this host's functions are asked too.
TEST(StageTable, HoldsNamesThatKernelsHave) {
  const char* folders = std::getenv("FT_KERNEL_SOURCES");
  if (!folders) GTEST_SKIP() << "FT_KERNEL_SOURCES names no kernel sources";
  std::set<std::string, std::less<>> known;
  const auto add_words = [&](std::string_view text) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
      const bool in_word =
          i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_');
      if (in_word) continue;
      if (i > begin) known.emplace(text.substr(begin, i - begin));
      begin = i + 1;
    }
  };
  if (const auto here = read_file("/proc/kallsyms")) add_words(*here);
  for (const std::string_view folder : split(folders, ':')) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".c" && extension != ".h" && extension != ".S") continue;
      if (const auto text = read_file(entry.path().string())) add_words(*text);
    }
  }
  std::string missing;
  for (std::string_view name : names_in_table()) {
    const bool prefix = name.ends_with('*');
    if (prefix) name.remove_suffix(1);
    const auto found = known.lower_bound(name);
    const bool there = found != known.end() && (prefix ? found->starts_with(name) : *found == name);
    if (!there) missing += std::string(name) + " ";
  }
  EXPECT_EQ(missing, "");
}

}  // namespace
}  // namespace ft::kernel
