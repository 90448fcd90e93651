// The small fields of an event packed into one word: there are few different ones, so a chunk lists
// them once and refers to them by number. The layouts are part of the format.
#pragma once

#include <cstdint>

#include "event/event.h"

namespace ft::recording {

namespace shape_detail {
constexpr std::uint64_t byte_at(std::uint64_t packed, unsigned byte) {
  return packed >> (8 * byte) & 0xff;
}
constexpr std::uint64_t at_byte(std::uint8_t value, unsigned byte) {
  return static_cast<std::uint64_t>(value) << (8 * byte);
}
}  // namespace shape_detail

// Fault: bytes 0-3 error code, 4 kind, 5 whether it has a page.
inline std::uint64_t pack_shape(const event::Fault& fault) {
  using namespace shape_detail;
  return fault.error_code | at_byte(static_cast<std::uint8_t>(fault.kind), 4) |
         at_byte(fault.has_page ? 1 : 0, 5);
}
inline bool has_page(std::uint64_t packed) {
  return shape_detail::byte_at(packed, 5) != 0;
}
inline bool is_fault_shape(std::uint64_t packed) {
  using namespace shape_detail;
  return byte_at(packed, 4) <= static_cast<std::uint64_t>(event::FaultKind::Unfinished) &&
         packed >> 40U <= 1;
}
inline void unpack_shape(std::uint64_t packed, event::Fault& fault) {
  fault.error_code = static_cast<std::uint32_t>(packed);
  fault.kind = static_cast<event::FaultKind>(shape_detail::byte_at(packed, 4));
  fault.has_page = has_page(packed);
}

// A page folded into a fault: bytes 0-3 gfp, 4 order, 5 migratetype, 6 node.
inline std::uint64_t pack_page_shape(const event::PageAlloc& page) {
  using namespace shape_detail;
  return page.gfp | at_byte(page.order, 4) |
         at_byte(static_cast<std::uint8_t>(page.migratetype), 5) |
         at_byte(static_cast<std::uint8_t>(page.node), 6);
}
inline bool is_page_shape(std::uint64_t packed) {
  return packed >> 56U == 0;
}
inline void unpack_page_shape(std::uint64_t packed, event::PageAlloc& page) {
  using namespace shape_detail;
  page.gfp = static_cast<std::uint32_t>(packed);
  page.order = static_cast<std::uint8_t>(byte_at(packed, 4));
  page.migratetype = static_cast<std::int8_t>(byte_at(packed, 5));
  page.node = static_cast<std::int8_t>(byte_at(packed, 6));
}

// A block of its own: as above, byte 7 context.
inline std::uint64_t pack_shape(const event::PageAlloc& alloc) {
  return pack_page_shape(alloc) |
         shape_detail::at_byte(static_cast<std::uint8_t>(alloc.context), 7);
}
inline bool is_alloc_shape(std::uint64_t packed) {
  return packed >> 56U <= static_cast<std::uint64_t>(event::AllocContext::Syscall);
}
inline void unpack_shape(std::uint64_t packed, event::PageAlloc& alloc) {
  unpack_page_shape(packed, alloc);
  alloc.context = static_cast<event::AllocContext>(packed >> 56U);
}

inline bool is_flush_reason(std::uint64_t value) {
  return value <= static_cast<std::uint64_t>(event::FlushReason::RemoteWrongCpu);
}

// Who made a system call: bytes 0-3 tid, 4-7 pid.
inline std::uint64_t pack_caller(const event::Syscall& call) {
  return static_cast<std::uint32_t>(call.tid) | std::uint64_t{static_cast<std::uint32_t>(call.pid)}
                                                    << 32U;
}
inline void unpack_caller(std::uint64_t packed, event::Syscall& call) {
  call.tid = static_cast<event::Tid>(static_cast<std::uint32_t>(packed));
  call.pid = static_cast<event::Pid>(static_cast<std::uint32_t>(packed >> 32U));
}

// What sort of call it was: bytes 0-1 number, 2 whether it finished.
inline std::uint64_t pack_sort(const event::Syscall& call) {
  return static_cast<std::uint64_t>(call.number) | shape_detail::at_byte(call.finished ? 1 : 0, 2);
}
inline bool is_sort(std::uint64_t packed) {
  return packed >> 17U == 0;
}
inline event::SyscallNumber number_of_sort(std::uint64_t packed) {
  return static_cast<event::SyscallNumber>(packed & 0xffff);
}
inline void unpack_sort(std::uint64_t packed, event::Syscall& call) {
  call.number = number_of_sort(packed);
  call.finished = packed >> 16U != 0;
}

// Stack ids (and those of files) are kept one higher than they are, so that kNoStack is 0.
inline bool is_stack_id(std::uint64_t coded) {
  return coded <= 0x8000'0000;
}

}  // namespace ft::recording
