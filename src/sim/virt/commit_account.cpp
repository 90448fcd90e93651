#include "sim/virt/commit_account.h"

#include <algorithm>

#include "base/check.h"

namespace ft::sim::virt {

namespace {

// The kernel's own arithmetic is signed: reserves may exceed the limit.
std::int64_t allowed_pages(const Limits& limits, std::uint64_t total_vm) {
  auto allowed = static_cast<std::int64_t>(limits.commit_limit_pages);
  if (!limits.administrator) allowed -= static_cast<std::int64_t>(limits.admin_reserve_pages);
  allowed -= static_cast<std::int64_t>(std::min(total_vm / 32, limits.user_reserve_pages));
  return allowed;
}

}  // namespace

bool CommitAccount::charge(std::uint64_t pages, const Limits& limits, std::uint64_t total_vm) {
  switch (limits.overcommit) {
    case Overcommit::Always:
      break;
    case Overcommit::Heuristic:
      if (pages > limits.total_ram_pages + limits.total_swap_pages) return false;
      break;
    case Overcommit::Never:
      if (static_cast<std::int64_t>(pages_ + pages) >= allowed_pages(limits, total_vm))
        return false;
      break;
  }
  pages_ += pages;
  return true;
}

void CommitAccount::release(std::uint64_t pages) {
  FT_CHECK(pages <= pages_);
  pages_ -= pages;
}

}  // namespace ft::sim::virt
