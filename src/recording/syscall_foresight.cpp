#include "recording/syscall_foresight.h"

#include <algorithm>

namespace ft::recording {

namespace {

using event::SyscallNumber;
using event::SyscallShape;

bool places_memory(SyscallNumber number) {
  return number == SyscallNumber::Mmap || number == SyscallNumber::Mremap ||
         number == SyscallNumber::Brk || number == SyscallNumber::Shmat;
}

bool is_error(std::uint64_t ret) {
  return ret > std::uint64_t{0} - 4096;
}

// An address as its distance from the last one; but no address at all, which is frequent, takes the
// code of "one byte before", which is not. Its own inverse apart from the zigzag: a bijection.
std::uint64_t swapped(std::uint64_t code, std::uint64_t last) {
  constexpr std::uint64_t kOneBefore = 1;
  const std::uint64_t none = zigzag(0 - last);
  if (code == none) return kOneBefore;
  return code == kOneBefore ? none : code;
}
std::uint64_t code_address(std::uint64_t address, std::uint64_t last) {
  return swapped(zigzag(address - last), last);
}
std::uint64_t decode_address(std::uint64_t code, std::uint64_t last) {
  return last + unzigzag(swapped(code, last));
}

}  // namespace

void SyscallForesight::clear() {
  sorts_.clear();
  last_addresses_.clear();
}

bool SyscallForesight::add_sort(SyscallNumber number) {
  const SyscallShape* shape = event::find_shape(number);
  if (shape == nullptr) return false;
  Sort sort;
  if (shape->addr >= 0) sort.addr = static_cast<std::uint8_t>(shape->addr);
  if (shape->length >= 0) sort.length = static_cast<std::uint8_t>(shape->length);
  sort.places_memory = places_memory(number);
  sorts_.push_back(sort);
  return true;
}

// Where the caller did not choose, the kernel mostly puts memory right below what it put last.
std::uint64_t SyscallForesight::expected_ret(const Sort& sort,
                                             std::span<const std::uint64_t, 6> args) {
  if (!sort.places_memory) return sort.ret;
  if (args[sort.addr] != 0) return args[sort.addr];
  return sort.placed - (sort.length == kNone ? 0 : args[sort.length]);
}

void SyscallForesight::note(Sort& sort, std::uint64_t& last_address,
                            std::span<const std::uint64_t, 6> args, std::uint64_t ret) {
  std::ranges::copy(args, sort.args.begin());
  sort.ret = ret;
  if (sort.addr != kNone && args[sort.addr] != 0) last_address = args[sort.addr];
  if (sort.places_memory && !is_error(ret)) sort.placed = last_address = ret;
}

SyscallSurprise SyscallForesight::code(std::size_t sort_number, std::size_t caller,
                                       std::span<const std::uint64_t, 6> args,
                                       std::int64_t signed_ret) {
  Sort& sort = sorts_[sort_number];
  std::uint64_t& last_address = last_addresses_[caller];
  const auto ret = static_cast<std::uint64_t>(signed_ret);
  SyscallSurprise surprise{};
  for (std::size_t i = 0; i < args.size(); ++i) surprise.args[i] = zigzag(args[i] - sort.args[i]);
  if (sort.addr != kNone) surprise.args[sort.addr] = code_address(args[sort.addr], last_address);
  surprise.ret = zigzag(ret - expected_ret(sort, args));
  note(sort, last_address, args, ret);
  return surprise;
}

void SyscallForesight::decode(std::size_t sort_number, std::size_t caller,
                              const SyscallSurprise& surprise, std::array<std::uint64_t, 6>& args,
                              std::int64_t& ret) {
  Sort& sort = sorts_[sort_number];
  std::uint64_t& last_address = last_addresses_[caller];
  for (std::size_t i = 0; i < args.size(); ++i) args[i] = sort.args[i] + unzigzag(surprise.args[i]);
  if (sort.addr != kNone) args[sort.addr] = decode_address(surprise.args[sort.addr], last_address);
  const std::uint64_t came = expected_ret(sort, args) + unzigzag(surprise.ret);
  ret = static_cast<std::int64_t>(came);
  note(sort, last_address, args, came);
}

}  // namespace ft::recording
