#include "attribution/unwind_entries.h"

#include <dwarf.h>

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "attribution/byte_cursor.h"
#include "attribution/unwind_state.h"

namespace ft::attribution {

namespace {

// Reads all entries of a section once. An entry that makes no sense is skipped by its length; a
// length that makes no sense ends the reading.
class Reader {
 public:
  Reader(std::span<const std::byte> section, std::uint64_t address)
      : section_(section), address_(address) {}

  UnwindEntries run() {
    std::size_t position = 0;
    while (const auto entry = entry_at(position)) {
      position = entry->end;
      if (entry->common_distance != 0) read_function(*entry);
    }
    std::ranges::sort(result_.functions, {}, &UnwindFunction::start);
    return std::move(result_);
  }

 private:
  struct Entry {
    std::size_t id_position = 0;  // of the field that says where the common entry is
    std::size_t body = 0;
    std::size_t end = 0;
    std::uint64_t common_distance = 0;  // 0: this is a common entry itself
  };

  std::optional<Entry> entry_at(std::size_t position) const {
    ByteCursor at(section_, position);
    std::uint64_t length = at.read<std::uint32_t>();
    if (length == 0xffffffffU) length = at.read<std::uint64_t>();
    if (!at.ok() || length == 0 || length > at.remaining()) return std::nullopt;
    Entry entry;
    entry.id_position = at.position();
    entry.end = at.position() + static_cast<std::size_t>(length);
    entry.common_distance = at.read<std::uint32_t>();
    entry.body = at.position();
    if (!at.ok() || entry.body > entry.end) return std::nullopt;
    return entry;
  }

  ByteCursor body_of(const Entry& entry) const {
    return ByteCursor(section_.first(entry.end), entry.body);
  }

  static SectionPlace rest_of(const ByteCursor& at, const Entry& entry) {
    return {static_cast<std::uint32_t>(at.position()),
            static_cast<std::uint32_t>(entry.end - at.position())};
  }

  void read_function(const Entry& entry) {
    if (entry.common_distance > entry.id_position) return;
    const auto number = common_at(entry.id_position - entry.common_distance);
    if (!number) return;
    const UnwindCommon& common = result_.commons[*number];

    ByteCursor at = body_of(entry);
    const auto start = read_address(at, common.address_encoding);
    // The length has the address's format, but is relative to nothing.
    const auto size = read_address(at, common.address_encoding & 0x0fU);
    if (!start || !size || *size == 0 || *start + *size < *start) return;
    if (common.has_augmentation_data) at.skip(at.uleb());
    if (!at.ok()) return;
    result_.functions.push_back({*start, *start + *size, *number, rest_of(at, entry)});
  }

  std::optional<std::uint32_t> common_at(std::size_t position) {
    const auto [it, added] = known_.try_emplace(position);
    if (!added) return it->second;
    const auto entry = entry_at(position);
    if (!entry || entry->common_distance != 0) return std::nullopt;
    const auto common = read_common(*entry);
    if (!common) return std::nullopt;
    result_.commons.push_back(*common);
    it->second = static_cast<std::uint32_t>(result_.commons.size() - 1);
    return it->second;
  }

  std::optional<UnwindCommon> read_common(const Entry& entry) const {
    ByteCursor at = body_of(entry);
    const auto version = at.read<std::uint8_t>();
    if (version != 1 && version != 3) return std::nullopt;
    std::string augmentation;
    while (const auto letter = at.read<char>()) augmentation.push_back(letter);

    UnwindCommon common;
    common.code_alignment = at.uleb();
    common.data_alignment = at.sleb();
    const std::uint64_t returns = version == 1 ? at.read<std::uint8_t>() : at.uleb();
    if (!at.ok() || returns != kReturnAddress) return std::nullopt;
    if (augmentation.empty()) {
      common.program = rest_of(at, entry);
      return common;
    }
    // Without the length that 'z' announces, unknown letters could not be skipped.
    if (augmentation.front() != 'z') return std::nullopt;
    common.has_augmentation_data = true;
    const std::uint64_t size = at.uleb();
    ByteCursor after = at;
    after.skip(size);
    if (!after.ok()) return std::nullopt;
    for (const char letter : augmentation.substr(1)) {
      if (letter == 'R') {
        common.address_encoding = at.read<std::uint8_t>();
      } else if (letter == 'L') {
        at.skip(1);  // how exception tables are written
      } else if (letter == 'P') {
        // Who handles exceptions: only its size matters.
        const auto encoding = at.read<std::uint8_t>();
        if (encoding != DW_EH_PE_omit && !read_number(at, encoding & 0x0fU)) return std::nullopt;
      } else if (letter == 'S') {
        common.signal_frame = true;
      } else {
        return std::nullopt;
      }
    }
    if (!at.ok() || at.position() > after.position()) return std::nullopt;
    common.program = rest_of(after, entry);
    return common;
  }

  std::optional<std::uint64_t> read_address(ByteCursor& at, unsigned encoding) const {
    const std::uint64_t here = address_ + at.position();
    const auto value = read_number(at, encoding & 0x0fU);
    if (!value || !at.ok()) return std::nullopt;
    switch (encoding & 0xf0U) {
      case 0:
        return value;
      case DW_EH_PE_pcrel:
        return here + *value;
      default:
        return std::nullopt;
    }
  }

  static std::optional<std::uint64_t> read_number(ByteCursor& at, unsigned format) {
    switch (format) {
      case DW_EH_PE_absptr:
      case DW_EH_PE_udata8:
      case DW_EH_PE_sdata8:
        return at.read<std::uint64_t>();
      case DW_EH_PE_udata4:
        return at.read<std::uint32_t>();
      case DW_EH_PE_sdata4:
        return static_cast<std::uint64_t>(std::int64_t{at.read<std::int32_t>()});
      case DW_EH_PE_udata2:
        return at.read<std::uint16_t>();
      case DW_EH_PE_sdata2:
        return static_cast<std::uint64_t>(std::int64_t{at.read<std::int16_t>()});
      case DW_EH_PE_uleb128:
        return at.uleb();
      case DW_EH_PE_sleb128:
        return static_cast<std::uint64_t>(at.sleb());
      default:
        return std::nullopt;
    }
  }

  std::span<const std::byte> section_;
  std::uint64_t address_;
  UnwindEntries result_;
  std::unordered_map<std::size_t, std::optional<std::uint32_t>> known_;  // commons by position
};

}  // namespace

UnwindEntries read_unwind_entries(std::span<const std::byte> section, std::uint64_t address) {
  return Reader(section, address).run();
}

}  // namespace ft::attribution
