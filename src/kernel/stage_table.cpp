// Names of functions as /proc/kallsyms has them, of Linux 6.1 to 6.18 on x86-64; what one release
// calls otherwise stands beside what another does. The longest matching prefix counts, a whole name
// before any prefix. docs/samples.md says how to find names that are missing.
#include "kernel/stage_table.h"

namespace ft::kernel {

namespace {

constexpr Names kTable[] = {
    // What the recorder itself causes: BPF programs, their helpers, clocks of its samples,
    // breakpoints, and the slow path of system calls that tracing switches on.
    {Stage::Recording, Weight::Overrules,
     "bpf_prog_* bpf_trace_run* __bpf_trace_* __traceiter_* bpf_get_stack* bpf_ringbuf_* "
     "bpf_task_storage_* bpf_probe_read_* bpf_ktime_get_ns __perf_sw_event ___perf_sw_event "
     "perf_swevent_* perf_tp_event perf_event_overflow __perf_event_overflow perf_trace_* "
     "__perf_event_task_sched_in __perf_event_task_sched_out perf_event_init_task "
     "perf_event_exit_task perf_event_free_task perf_event_alloc perf_event_exec inherit_event "
     "inherit_task_group perf_event_task_tick perf_event_fork perf_event_task_output uprobe_mmap "
     "uprobe_munmap uprobe_notify_resume asm_exc_int3 exc_int3 __uprobe_* ptrace_notify "
     "ptrace_stop ptrace_event* ptrace_do_notify"},
    {Stage::Recording, Weight::Decides,
     "syscall_trace_enter syscall_exit_work perf_event_groups_* event_sched_in event_sched_out "
     "ctx_sched_in ctx_sched_out merge_sched_in visit_groups_merge cpu_clock_event_* "
     "perf_adjust_period perf_event_update_*"},

    {Stage::Trap, Weight::Entry,
     "asm_exc_page_fault exc_page_fault access_error do_user_addr_fault handle_page_fault "
     "do_kern_addr_fault entry_SYSCALL_64* do_syscall_64 x64_sys_call syscall_return_via_sysret "
     "entry_SYSRETQ* syscall_enter_from_user_mode* syscall_exit_to_user_mode* "
     "exit_to_user_mode_* irqentry_* error_entry error_return ret_from_fork* "
     "native_irq_return_iret swapgs_restore_regs_and_return_to_usermode common_interrupt_return "
     "restore_regs_and_return_to_kernel sync_regs fixup_bad_iret asm_exc_general_protection "
     "exc_general_protection arch_exit_to_user_mode_prepare syscall_exit_to_user_mode_work"},

    {Stage::VmaLock, Weight::Decides,
     "lock_vma_under_rcu lock_next_vma vma_start_read* vma_end_read vma_start_write* "
     "__vma_start_write vma_refcount_put vma_mark_* lock_mm_and_find_vma find_vma find_vma_prev "
     "find_vma_intersection find_extend_vma* vma_lookup expand_stack expand_stack_locked "
     "expand_downwards mmap_read_* mmap_write_* upgrade_mmap_lock_carefully "
     "get_mmap_lock_carefully __mmap_lock_*"},
    {Stage::VmaLock, Weight::Helps,
     "mas_* mtree_* mt_* mab_* ma_* down_read* up_read down_write* up_write rwsem_* "
     "downgrade_write osq_lock osq_unlock pagefault_disabled_*"},

    {Stage::CgroupCharge, Weight::Decides,
     "__mem_cgroup_charge mem_cgroup_charge* mem_cgroup_hugetlb_* charge_memcg try_charge "
     "try_charge_memcg consume_stock refill_stock __refill_stock drain_stock drain_obj_stock "
     "consume_obj_stock refill_obj_stock get_mem_cgroup_from_* get_obj_cgroup_from_* "
     "current_obj_cgroup commit_charge mem_cgroup_commit_charge __mod_memcg_state "
     "__mod_memcg_lruvec_state mod_memcg_* __mod_lruvec_* mod_lruvec_* __lruvec_stat_mod_folio "
     "lruvec_stat_mod_folio __count_memcg_events count_memcg_events count_memcg_event_mm memcg_* "
     "memcg1_* __memcg_* memcg_rstat_updated cgroup_rstat_updated css_rstat_updated obj_cgroup_* "
     "page_counter_* propagate_protected_usage uncharge_batch uncharge_folio "
     "__mem_cgroup_uncharge* mem_cgroup_uncharge* mem_cgroup_from_task mem_cgroup_id_* "
     "mem_cgroup_update_* mem_cgroup_css_* __cgroup_throttle_swaprate folio_throttle_swaprate "
     "__folio_throttle_swaprate mem_cgroup_charge_statistics __mod_objcg_* account_slab "
     "mod_objcg_* mem_cgroup_sk_*"},

    {Stage::AllocPcp, Weight::Decides,
     "get_page_from_freelist rmqueue rmqueue_pcplist __rmqueue_pcplist __alloc_pages "
     "__alloc_pages_noprof __alloc_frozen_pages_noprof __alloc_pages_bulk alloc_pages_bulk* "
     "alloc_pages alloc_pages_noprof alloc_pages_mpol* alloc_pages_exact* alloc_pages_node* "
     "alloc_frozen_pages_noprof __folio_alloc __folio_alloc_noprof folio_alloc "
     "folio_alloc_noprof folio_alloc_mpol_noprof vma_alloc_folio* vma_alloc_zeroed_movable_folio "
     "vma_alloc_anon_folio_pmd vma_thp_gfp_mask alloc_anon_folio prepare_alloc_pages "
     "post_alloc_hook prep_new_page prep_compound_page __zone_watermark_ok zone_watermark_* "
     "zone_watermark_fast __next_zones_zonelist get_vma_policy __get_vma_policy get_task_policy "
     "policy_nodemask policy_node get_free_pages_noprof __get_free_pages get_zeroed_page "
     "get_zeroed_page_noprof zone_statistics __count_numa_events should_fail_alloc_page "
     "alloc_page_interleave get_pfnblock_flags_mask __get_pfnblock_flags_mask get_pfnblock_bit "
     "folio_prealloc decay_pcp_high"},
    {Stage::AllocBuddy, Weight::Decides,
     "rmqueue_bulk rmqueue_buddy __rmqueue __rmqueue_smallest __rmqueue_fallback __rmqueue_claim "
     "__rmqueue_steal expand page_del_and_expand del_page_from_free_list "
     "__del_page_from_free_list steal_suitable_fallback try_to_claim_block "
     "find_suitable_fallback move_freepages* __move_freepages* reserve_highatomic_pageblock "
     "unreserve_highatomic_pageblock deferred_grow_zone _deferred_grow_zone deferred_init_* "
     "__init_single_page init_deferred_page"},
    {Stage::AllocSlow, Weight::Decides,
     "__alloc_pages_slowpath* __alloc_pages_direct_* __alloc_pages_may_oom __perform_reclaim "
     "try_to_free_pages do_try_to_free_pages try_to_free_mem_cgroup_pages shrink_* "
     "try_to_compact_pages compact_* compaction_* wake_all_kswapds wakeup_kswapd balance_pgdat "
     "isolate_migratepages* isolate_freepages* isolate_lru_folios migrate_pages* migrate_folio* "
     "reclaim_high mem_cgroup_handle_over_high __mem_cgroup_handle_over_high out_of_memory oom_* "
     "throttle_direct_reclaim mem_cgroup_out_of_memory mem_cgroup_oom* try_to_unmap* "
     "try_to_migrate* folio_referenced* pageout add_to_swap folio_alloc_swap drain_all_pages "
     "__drain_all_pages psi_memstall_*"},

    {Stage::Zeroing, Weight::Decides,
     "clear_page clear_page_erms clear_page_rep clear_page_orig clear_huge_page clear_subpage "
     "clear_gigantic_page clear_user_highpage* clear_user_page* clear_highpage* folio_zero_user "
     "kernel_init_pages process_huge_page"},
    {Stage::Copying, Weight::Decides,
     "copy_page copy_page_regs copy_mc_fragile copy_mc_enhanced_fast_string copy_mc_to_kernel "
     "copy_user_highpage* copy_mc_user_highpage __wp_page_copy_user copy_user_huge_page "
     "copy_user_large_folio copy_user_gigantic_page copy_subpage"},

    {Stage::RmapLru, Weight::Decides,
     "folio_add_new_anon_rmap page_add_new_anon_rmap folio_add_anon_rmap* page_add_anon_rmap "
     "folio_add_file_rmap* page_add_file_rmap folio_remove_rmap* page_remove_rmap "
     "__folio_add_rmap __folio_add_anon_rmap __folio_add_file_rmap __folio_remove_rmap "
     "__page_set_anon_rmap __folio_set_anon folio_move_anon_rmap page_move_anon_rmap "
     "folio_add_lru* lru_add lru_add_fn lru_cache_add* lru_activate pagevec_lru_* "
     "folio_batch_move_lru folio_batch_add_and_move __folio_batch_add_and_move lru_add_drain* "
     "lru_gen_* folio_mark_accessed mark_page_accessed workingset_* folio_lruvec_* "
     "lru_note_cost* folio_activate* __anon_vma_prepare anon_vma_* __anon_vma_* unlink_anon_vmas "
     "unlink_file_vma* vma_interval_tree_* __vma_link_file __remove_shared_vm_struct "
     "deferred_split_folio mlock_folio* mlock_new_folio munlock_folio mlock_drain_*"},

    {Stage::Tables, Weight::Decides,
     "handle_mm_fault __handle_mm_fault handle_pte_fault do_pte_missing do_anonymous_page "
     "do_huge_pmd_anonymous_page __do_huge_pmd_anonymous_page map_anon_folio_* create_huge_pmd "
     "wp_huge_pmd __pte_alloc __pmd_alloc __pud_alloc __p4d_alloc pte_alloc_one "
     "pte_alloc_one_noprof __pte_alloc_one* pmd_alloc_one* pud_alloc_one* pgtable_pte_page_ctor "
     "ptlock_* pgd_alloc __pte_offset_map* pmd_install do_wp_page wp_page_copy wp_page_reuse "
     "do_huge_pmd_wp_page ptep_set_access_flags ptep_clear_flush pgtable_trans_huge_deposit "
     "pgtable_trans_huge_withdraw do_numa_page hugetlb_fault hugetlb_no_page hugetlb_wp "
     "huge_pte_alloc alloc_hugetlb_folio alloc_huge_page mm_account_fault vmf_anon_prepare "
     "__vmf_anon_prepare copy_page_range copy_pte_range copy_pmd_range copy_present_pte "
     "copy_present_ptes get_huge_zero_page mm_get_huge_zero_* pgd_prepopulate_* pte_mkwrite "
     "pmd_mkwrite native_set_p4d set_pmd_migration_entry count_mthp_stat"},

    {Stage::FileMap, Weight::Decides,
     "filemap_map_pages filemap_map_folio_range filemap_map_order0_folio filemap_map_pmd "
     "next_uptodate_folio next_uptodate_page do_fault do_fault_around should_fault_around "
     "do_read_fault do_cow_fault do_shared_fault __do_fault filemap_fault set_pte_range "
     "do_set_pte do_set_pmd finish_fault shmem_fault do_page_mkwrite filemap_page_mkwrite "
     "fault_dirty_shared_page ext4_page_mkwrite xfs_filemap_* btrfs_page_mkwrite "
     "special_mapping_fault vdso_fault vvar_fault vmf_insert_* insert_pfn wp_pfn_shared "
     "wp_page_shared filemap_fault_*"},

    {Stage::Mmap, Weight::Decides,
     "do_mmap mmap_region __mmap_region vm_mmap_pgoff vm_mmap ksys_mmap_pgoff __x64_sys_mmap "
     "__get_unmapped_area get_unmapped_area mm_get_unmapped_area* arch_get_unmapped_area* "
     "generic_get_unmapped_area* thp_get_unmapped_area* __thp_get_unmapped_area "
     "hugetlb_get_unmapped_area vm_unmapped_area unmapped_area unmapped_area_topdown "
     "mas_empty_area mas_empty_area_rev __mm_populate mm_populate populate_vma_page_range "
     "faultin_page_range __x64_sys_brk do_brk_flags vm_brk_flags __x64_sys_mremap do_mremap "
     "mremap_to move_vma move_page_tables move_ptes vma_to_resize __x64_sys_madvise do_madvise "
     "madvise_* __x64_sys_mlock* do_mlock apply_vma_lock_flags __x64_sys_mbind do_mbind "
     "__x64_sys_process_madvise call_mmap mmap_file generic_file_mmap* ext4_file_mmap* "
     "__x64_sys_msync __x64_sys_mincore do_mincore __x64_sys_set_mempolicy "
     "__x64_sys_get_mempolicy"},
    {Stage::Mmap, Weight::Helps,
     "vma_merge* can_vma_merge* commit_merge __split_vma split_vma vma_modify* vma_expand "
     "vma_shrink vma_link* __vma_link* vm_area_alloc vm_area_dup vm_area_free __vm_area_free "
     "vma_prepare vma_complete init_multi_vma_prep init_vma_prep vma_iter_* vma_adjust* "
     "__vma_adjust vma_set_page_prot vma_wants_writenotify may_expand_vm vm_stat_account "
     "__vm_enough_memory security_vm_enough_memory_mm cap_vm_enough_memory accountable_mapping "
     "perf_event_mmap* khugepaged_enter_vma __khugepaged_enter userfaultfd_* ksm_add_vma "
     "mmap_base percpu_counter_add_batch vma_dup_policy mpol_* __mpol_* vm_get_page_prot "
     "anon_vma_name*"},

    {Stage::Unmap, Weight::Decides,
     "__x64_sys_munmap __vm_munmap vm_munmap do_munmap do_vmi_munmap do_vmi_align_munmap "
     "do_mas_munmap do_mas_align_munmap unmap_region unmap_vmas unmap_page_range "
     "unmap_single_vma unmap_mapping_* zap_* __zap_* unmap_huge_pmd_locked free_pgtables "
     "free_pgd_range free_p4d_range free_pud_range free_pmd_range free_pte_range "
     "hugetlb_free_pgd_range tlb_finish_mmu tlb_flush_mmu tlb_gather_mmu* tlb_flush_rmap* "
     "tlb_batch_* __tlb_batch_* __tlb_remove_* tlb_remove_* ___pte_free_tlb ___pmd_free_tlb "
     "___pud_free_tlb pte_free pte_free_now pmd_free pud_free pgd_free try_to_free_pte "
     "free_pages_and_swap_cache free_page_and_swap_cache free_swap_cache "
     "free_folio_and_swap_cache release_pages folios_put* folio_put* __folio_put* "
     "__page_cache_release page_cache_release free_unref_* free_frozen_* __free_frozen_pages "
     "free_pcppages_bulk free_one_page __free_one_page free_pages __free_pages* "
     "free_pages_prepare free_tail_page_prepare exit_mmap mmput __mmput exit_mm exit_mm_release "
     "remove_vma vms_* free_huge_folio free_transhuge_page free_compound_page madvise_dontneed_* "
     "madvise_free_* __mmdrop mmdrop reclaim_and_purge* split_huge_page* __split_huge_* "
     "split_huge_pmd_locked"},

    {Stage::Mprotect, Weight::Decides,
     "__x64_sys_mprotect __x64_sys_pkey_mprotect do_mprotect_pkey mprotect_fixup "
     "change_protection* change_pte_range change_pmd_range change_huge_pmd prot_commit_*"},

    {Stage::TlbFlush, Weight::Decides,
     "flush_tlb_* native_flush_tlb_* __flush_tlb_* __native_tlb_flush_* kvm_flush_tlb_multi "
     "arch_tlbbatch_* on_each_cpu_cond_mask inc_mm_tlb_gen get_flush_tlb_info put_flush_tlb_info "
     "should_flush_tlb try_to_unmap_flush*"},
    {Stage::TlbFlush, Weight::Helps, "smp_call_function_many_cond smp_call_function_many"},

    {Stage::Exec, Weight::Decides,
     "__x64_sys_execve __x64_sys_execveat do_execve do_execveat_common* bprm_execve* exec_binprm "
     "search_binary_handler load_elf_binary load_elf_interp load_elf_phdrs load_script "
     "load_misc_binary elf_map elf_load elf_read begin_new_exec exec_mmap de_thread "
     "setup_new_exec setup_arg_pages shift_arg_pages relocate_vma_down copy_strings* "
     "copy_string_kernel get_arg_page alloc_bprm free_bprm bprm_mm_init create_elf_tables "
     "padzero set_brk finalize_exec arch_setup_additional_pages map_vdso vdso_install_* "
     "install_special_mapping* _install_special_mapping __install_special_mapping count_strings* "
     "prepare_bprm_creds do_close_on_exec bprm_fill_uid"},

    {Stage::FileIo, Weight::Decides,
     "filemap_read* filemap_get_* filemap_add_folio __filemap_* filemap_create_folio "
     "filemap_update_page filemap_readahead generic_file_* generic_perform_write vfs_* ksys_read "
     "ksys_write ksys_pread64 ksys_pwrite64 ksys_lseek __kernel_read kernel_read __x64_sys_read* "
     "__x64_sys_write* __x64_sys_pread64 __x64_sys_pwrite64 __x64_sys_preadv* __x64_sys_open* "
     "__x64_sys_close* __x64_sys_newfstat* __x64_sys_newlstat __x64_sys_newstat __x64_sys_stat* "
     "__x64_sys_lseek __x64_sys_access __x64_sys_faccessat* __x64_sys_getdents* __x64_sys_ioctl "
     "__x64_sys_fcntl __x64_sys_dup* __x64_sys_pipe* __x64_sys_unlink* __x64_sys_mkdir* "
     "__x64_sys_rename* __x64_sys_ftruncate __x64_sys_fallocate __x64_sys_memfd_create "
     "__x64_sys_poll __x64_sys_ppoll __x64_sys_select __x64_sys_pselect6 __x64_sys_epoll* "
     "__x64_sys_getcwd __x64_sys_socket* __x64_sys_connect __x64_sys_send* __x64_sys_recv* "
     "__x64_sys_flock __x64_sys_fstatfs __x64_sys_statfs __x64_sys_fadvise64 __x64_sys_umask "
     "__x64_sys_chdir __do_sys_newfstat* __do_sys_newstat __do_sys_newlstat page_cache_* "
     "ondemand_readahead do_page_cache_ra read_pages force_page_cache_* do_sync_mmap_readahead "
     "do_async_mmap_readahead mpage_readahead* do_mpage_readpage submit_bio* blkcg_* "
     "__submit_bio bio_* blk_* __blk_* blkdev_* io_schedule* folio_wait_* virtqueue_* virtio_* "
     "virtblk_* ext4_* jbd2_* xfs_* iomap_* btrfs_* ovl_* shmem_* simple_* ramfs_* nfs_* fuse_* "
     "p9_* netfs_* erofs_* squashfs_* do_swap_page swap_* swapin_* read_swap_cache_async "
     "__read_swap_cache_async zram_* zswap_* path_* do_filp_open do_sys_open* do_sys_openat2 "
     "do_open* do_dentry_open link_path_walk* walk_component step_into lookup_* __lookup_* "
     "filename_* do_faccessat do_readlinkat user_path_* getname* putname may_open "
     "strncpy_from_user d_path prepend_path dput d_* __d_* dentry_* mntput* mntget lookup_mnt "
     "__lookup_mnt nd_jump_link terminate_walk try_to_unlazy* complete_walk legitimize_* fput "
     "__fput ____fput __fput_sync __fput_deferred fput_close* file_* filp_close filp_flush "
     "alloc_empty_file* init_file alloc_fd fd_install close_fd file_close_fd* __close_* "
     "iterate_dir dcache_* inode_* iput evict evict_inodes touch_atime atime_needs_update "
     "do_vfs_ioctl seq_* proc_* pid_* kernfs_* sysfs_* cgroup_seqfile_show show_* m_show smaps_* "
     "meminfo_proc_show stat_open tty_* n_tty_* pty_* pipe_* anon_pipe_* do_iter_* sock_* "
     "__sys_* tcp_* unix_* inet_* do_sys_poll do_select core_sys_select ep_* do_epoll_* "
     "cp_new_stat sync_* security_file_* security_inode_* do_sys_ftruncate do_truncate "
     "notify_change truncate_* task_work_run __x64_sys_sysinfo ksys_fallocate fsnotify* "
     "__fsnotify* locks_* memfd_* fault_in_* copy_page_to_iter* copy_folio_to_iter _copy_to_iter "
     "_copy_from_iter"},

    {Stage::Sched, Weight::Decides,
     "schedule schedule_* __schedule finish_task_switch* __switch_to __switch_to_asm "
     "__switch_to_xtra switch_mm switch_mm_irqs_off choose_new_asid load_new_mm_cr3 "
     "switch_fpu_return restore_fpregs_from_fpstate save_fpregs_to_fpstate try_to_wake_up "
     "default_wake_function wake_up_* __wake_up* wake_q_add* ttwu_* sched_ttwu_pending enqueue_* "
     "dequeue_* __enqueue_entity __dequeue_entity pick_next_* pick_task_* pick_eevdf "
     "update_curr* update_load_avg* update_rq_clock* update_se put_prev_* set_next_* "
     "sched_balance_* load_balance* select_task_rq* select_idle_* available_idle_cpu "
     "check_preempt_* wakeup_preempt* resched_curr* set_task_cpu migrate_task_rq_fair "
     "move_queued_task __migrate_* detach_* attach_* place_entity reweight_* avg_vruntime "
     "entity_* psi_task_* psi_group_change preempt_schedule* yield_* do_sched_yield "
     "__x64_sys_sched_* __do_sys_sched_* sched_setaffinity sched_getaffinity __sched_setaffinity "
     "__set_cpus_allowed* __do_set_cpus_* do_futex futex_* __futex_* __x64_sys_futex* "
     "get_futex_* hash_futex do_nanosleep hrtimer_nanosleep __x64_sys_clock_nanosleep "
     "__x64_sys_nanosleep common_nsleep* raw_spin_rq_* queue_work_on __queue_work cpuacct_charge "
     "cgroup_account_cputime __cgroup_account_cputime sched_exec sched_mm_cid_* __rseq_* rseq_*"},

    {Stage::Process, Weight::Decides,
     "copy_process kernel_clone __do_sys_clone __do_sys_clone3 __x64_sys_clone* __x64_sys_fork "
     "__x64_sys_vfork dup_task_struct dup_mm dup_mmap dup_fd copy_thread copy_files "
     "copy_fs_struct copy_creds copy_namespaces copy_signal copy_sighand alloc_thread_stack_node "
     "alloc_pid free_pid put_pid arch_dup_task_struct wake_up_new_task sched_fork "
     "sched_cgroup_fork sched_post_fork cgroup_can_fork cgroup_post_fork cgroup_fork "
     "cgroup_css_set_* schedule_tail sched_autogroup_* do_exit do_group_exit __x64_sys_exit* "
     "exit_* release_task __exit_signal put_task_struct* __put_task_struct* free_task "
     "delayed_put_task_struct do_task_dead cgroup_exit mm_release do_wait* __do_wait wait_* "
     "kernel_wait4 __x64_sys_wait* put_signal_struct proc_exit_connector proc_fork_connector "
     "cgroup_release acct_* taskstats_exit kernel_waitid* switch_task_namespaces futex_exit_* "
     "mm_init mm_alloc check_mm __x64_sys_set_robust_list __x64_sys_set_tid_address "
     "__x64_sys_rseq"},

    {Stage::OtherCall, Weight::Decides,
     "__x64_sys_* __do_sys_* get_signal do_send_* arch_do_signal_or_restart force_sig* "
     "send_signal* __send_signal* x64_setup_rt_frame do_sigaction sigprocmask restore_sigcontext "
     "signal_setup_done complete_signal signal_wake_up* dequeue_signal do_prlimit do_sysinfo"},

    {Stage::Interrupt, Weight::Decides,
     "asm_sysvec_* sysvec_* __sysvec_* asm_common_interrupt common_interrupt __common_interrupt "
     "irq_exit_rcu __irq_exit_rcu irq_enter_rcu handle_softirqs __do_softirq do_softirq* "
     "run_ksoftirqd rcu_core* rcu_do_batch rcu_sched_clock_irq note_gp_changes __note_gp_changes "
     "rcu_gp_* rcu_report_* rcu_accelerate_* tick_* update_process_times scheduler_tick "
     "sched_tick task_tick_* hrtimer_interrupt __hrtimer_run_queues hrtimer_run_* "
     "run_timer_softirq __run_timers handle_edge_irq handle_fasteoi_irq handle_irq_event* "
     "handle_percpu_irq net_rx_action blk_done_softirq __flush_smp_call_function_queue "
     "flush_smp_call_function_queue account_process_tick update_wall_time timekeeping_* "
     "asm_exc_nmi exc_nmi default_do_nmi irq_work_* update_vsyscall calc_global_load* "
     "profile_tick"},

    {Stage::Virtualisation, Weight::Decides,
     "kvm_* __kvm_* pvclock_* native_safe_halt pv_* __pv_* asm_sysvec_kvm_* xen_* hv_* hyperv_* "
     "vmware_* __raw_callee_save___kvm_* __raw_callee_save___pv_* tdx_* __tdx_* sev_* __sev_*"},

    // Names no stage: callers do.
    {Stage::Unknown, Weight::Helper,
     "perf_iterate_sb __raw_callee_save___pv_queued_spin_unlock _raw_spin_* _raw_read_* "
     "_raw_write_* __raw_spin_* native_queued_spin_lock_slowpath queued_* do_raw_spin_* "
     "__raw_callee_save_* mutex_* __mutex_* ww_mutex_* rt_mutex_* __rcu_* rcu_* call_rcu* "
     "__call_rcu* synchronize_* srcu_* __srcu_* memset* __memset memcpy* __memcpy memmove* "
     "__memmove memcmp strcmp strlen strnlen* strscpy* sized_strscpy strcpy strncpy strncmp "
     "strchr strrchr strstr number vsnprintf snprintf sprintf string format_decode "
     "rep_movs_alternative rep_stos_alternative copy_user_* copy_from_user* copy_to_user* "
     "_copy_from_user _copy_to_user __copy_user_* copy_from_kernel_nofault* __get_user_* "
     "__put_user_* __clear_user clear_user clear_user_* put_user* get_user* kmem_cache_* "
     "__kmem_cache_* kmalloc* __kmalloc* kfree* kvfree* kvmalloc* kzalloc* krealloc* vmalloc* "
     "__vmalloc* vfree* ___slab_alloc __slab_alloc* slab_* __slab_* allocate_slab "
     "alloc_slab_page new_slab get_partial* put_cpu_partial get_any_partial __unfreeze_partials "
     "unfreeze_partials deactivate_slab discard_slab free_to_partial_list __put_partials "
     "shuffle_freelist setup_object* __free_slab should_failslab sheaf_* __kfree* do_slab_free "
     "free_deferred_* xas_* xa_* __xa_* radix_tree_* idr_* ida_* rb_* __rb_* list_* __list_* "
     "llist_* percpu_* __percpu_* pcpu_* __alloc_percpu* free_percpu alloc_percpu* "
     "mod_node_page_state __mod_node_page_state mod_zone_page_state __mod_zone_page_state inc_* "
     "dec_* __inc_* __dec_* refresh_* vm_events_* preempt_count_* __x86_* srso_* retbleed_* "
     "its_* __fentry__ entry_ibpb security_* apparmor_* selinux_* cap_* capable ns_capable* "
     "avc_* landlock_* bpf_lsm_* lockref_* refcount_* kref_* _find_* find_first_* find_next_* "
     "bitmap_* __bitmap_* __sw_hweight* hweight* cpumask_* sched_clock* local_clock* "
     "native_sched_clock ktime_get* read_tsc rdtsc* __cond_resched cond_resched dynamic_* "
     "__might_* might_* __check_object_size check_stack_object check_heap_object "
     "__virt_addr_valid folio_lock folio_unlock __folio_lock* folio_mapping page_mapping "
     "page_folio vm_normal_* get_page put_page __might_sleep __wait_* init_waitqueue* "
     "prepare_to_wait* finish_wait autoremove_wake_function local_bh_* __local_bh_* timer_* "
     "mod_timer* hrtimer_* __hrtimer_* ktime_* lock_timer_base enqueue_timer calc_wheel_index "
     "get_random_* get_nohz_timer_target clockevents_* lapic_* native_write_msr* "
     "native_read_msr* native_apic_* x2apic_* __x2apic_* default_send_IPI* native_smp_* "
     "sched_clock_* prandom_* crng_* chacha_* blake2s_* _get_random_bytes jhash* siphash* "
     "full_name_hash hash_* __siphash_* crc32* get_task_mm get_task_cred prepare_creds "
     "commit_creds abort_creds override_creds revert_creds put_cred_rcu __put_cred "
     "dup_user_cpus_ptr __legitimize_* audit_* __audit_* seccomp_* __seccomp_* nohz_* "
     "call_function_* generic_exec_* static_key_* __get_user_pages get_user_pages* faultin_page "
     "follow_page* __do_fault_* gup_* get_page_* is_vmalloc_addr debug_* trace_* tracing_* fpu_* "
     "fpregs_* xfeature_* reset_thread_features do_arch_prctl_* arch_prctl* errseq_* "
     "wait_for_completion* complete complete_all swake_* __swait_* kthread* worker_thread "
     "process_one_work"},
};

}  // namespace

std::span<const Names> stage_table() {
  return kTable;
}

}  // namespace ft::kernel
