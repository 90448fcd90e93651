// EntryKey says in one 64-bit word what a TLB entry translates: the page's number, its size and the
// address space it belongs to. Two entries are the same iff their words are.
//
//   bit 63        always 1, so that 0 means "no entry"
//   bits 47..58   ASID (the PCID of x86-64: 12 bits)
//   bits 45..46   what is held: a page of one of the three sizes, or a page directory entry
//   bits 0..44    page number: the 57 translated bits of the address, shifted right
#pragma once

#include <cstdint>

#include "base/range.h"
#include "sim/tlb/page_size.h"

namespace ft::sim::tlb {

// Identifies an address space, as CR3's PCID does. 0..4095.
using Asid = std::uint16_t;
inline constexpr Asid kMaxAsid = 4095;

class EntryKey {
 public:
  constexpr EntryKey() = default;  // no entry

  // The bits of an address that take part in translation with five levels; those above repeat the
  // highest of them.
  static constexpr std::uint64_t translated(std::uint64_t address) {
    return address & ((std::uint64_t{1} << 57U) - 1);
  }

  static constexpr EntryKey of_page(std::uint64_t address, PageSize size, Asid asid) {
    return EntryKey(number_of(address, shift_of(size)), index_of(size), asid);
  }
  // A paging-structure entry that spans 2^shift bytes. Each cache of such entries holds one span,
  // so the span itself is not part of the word.
  static constexpr EntryKey of_directory(std::uint64_t address, unsigned shift, Asid asid) {
    return EntryKey(number_of(address, shift), kDirectory, asid);
  }

  // The directory entry that spans 2^bits as much and has this one in it.
  constexpr EntryKey directory_above(unsigned bits) const {
    return EntryKey(number() >> bits, kDirectory, asid());
  }

  constexpr bool valid() const { return word_ != 0; }
  constexpr std::uint64_t word() const { return word_; }
  constexpr std::uint64_t number() const { return word_ & kNumberMask; }
  constexpr Asid asid() const { return static_cast<Asid>((word_ >> kAsidAt) & kMaxAsid); }
  constexpr bool is_directory() const { return kind() == kDirectory; }
  // REQUIRES: valid() and not is_directory().
  constexpr PageSize size() const { return static_cast<PageSize>(kind()); }

  // What an entry that spans 2^shift bytes covers, of the 57 translated bits of an address.
  constexpr AddressRange span(unsigned shift) const {
    return AddressRange::of_size(number() << shift, std::uint64_t{1} << shift);
  }

  // Where a page size has two arrays, each holds a half of the pages: this one the second's.
  constexpr bool in_odd_half() const { return __builtin_parityll(number()) != 0; }

  // Spread over all 64 bits; the upper ones are the better ones.
  constexpr std::uint64_t hash() const { return word_ * 0x9e3779b97f4a7c15U; }

  constexpr bool operator==(const EntryKey&) const = default;

 private:
  static constexpr unsigned kKindAt = 45;
  static constexpr unsigned kAsidAt = 47;
  static constexpr unsigned kDirectory = kPageSizes;
  static constexpr std::uint64_t kNumberMask = (std::uint64_t{1} << kKindAt) - 1;

  constexpr EntryKey(std::uint64_t number, unsigned kind, Asid asid)
      : word_((std::uint64_t{1} << 63U) | (std::uint64_t{asid} << kAsidAt) |
              (std::uint64_t{kind} << kKindAt) | number) {}

  static constexpr std::uint64_t number_of(std::uint64_t address, unsigned shift) {
    return translated(address) >> shift;
  }
  constexpr unsigned kind() const { return static_cast<unsigned>(word_ >> kKindAt) & 3U; }

  std::uint64_t word_ = 0;
};

}  // namespace ft::sim::tlb
