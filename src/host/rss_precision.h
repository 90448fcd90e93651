// How far the kernel's own count of resident pages (VmRSS, RssAnon, RssFile of status) may be off.
#pragma once

#include <cstdint>
#include <string_view>

namespace ft::host {

// Bytes that `release` ("6.1.0-56-amd64") may leave out for a process of so many threads.
// Before 6.2 each thread keeps what its faults changed to itself and adds it up after every 64th
// (mm/memory.c, TASK_RSS_EVENTS_THRESH); a fault on a file may map 16 pages. Later ones count per
// processor, and what that leaves out depends on none of this: 0. Also 0 for what is no release.
std::uint64_t rss_kept_by_threads(std::string_view release, std::uint64_t threads);
// Of it, anonymous pages: one a fault.
std::uint64_t anonymous_kept_by_threads(std::string_view release, std::uint64_t threads);

}  // namespace ft::host
