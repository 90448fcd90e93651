// "P,RW,US,A,D,NX,pfn=0x1a2b3c": an entry written down by its parts.
#include <fmt/format.h>

#include <array>

#include "arch/entry.h"
#include "arch/swap_types.h"
#include "base/text.h"

namespace ft::arch {

namespace {

struct FlagWord {
  std::string_view word;
  std::uint64_t bits;
};

constexpr std::array<FlagWord, 14> kFlagWords = {{
    {"P", kPresent},
    {"RW", kWritable},
    {"US", kUser},
    {"PWT", kWriteThrough},
    {"PCD", kCacheDisabled},
    {"A", kAccessed},
    {"D", kDirty},
    {"PSE", kHuge},
    {"G", kGlobal},
    {"SPECIAL", kSpecial},
    {"UFFD_WP", kUffdWriteProtected},
    {"SOFT_DIRTY", kSoftDirty},
    {"NX", kNoExecute},
    {"table", kTableFlags},
}};

struct SwapWord {
  std::string_view word;
  SwapUse use;
  std::uint64_t offset;
};

constexpr std::array<SwapWord, 12> kSwapWords = {{
    {"swap", SwapUse::Area, 0},
    {"migration-read", SwapUse::MigrationRead, 0},
    {"migration-read-exclusive", SwapUse::MigrationReadExclusive, 0},
    {"migration-write", SwapUse::MigrationWrite, 0},
    {"device-write", SwapUse::DeviceWrite, 0},
    {"device-read", SwapUse::DeviceRead, 0},
    {"device-exclusive", SwapUse::DeviceExclusive, 0},
    {"hwpoison", SwapUse::HwPoison, 0},
    {"guard", SwapUse::Marker, kMarkerGuard},
    {"poisoned", SwapUse::Marker, kMarkerPoisoned},
    {"uffd-wp-marker", SwapUse::Marker, kMarkerUffd},
    {"swapin-error", SwapUse::SwapInError, 0},
}};

constexpr std::string_view kWhat = "entry";

// What the words of an entry have said so far.
struct Parts {
  std::uint64_t flags = 0;
  std::uint64_t pkey = 0;
  std::optional<std::uint64_t> frame;
  std::optional<std::uint64_t> offset;
  std::optional<std::uint64_t> type;
  const SwapWord* swap = nullptr;
  bool prot_none = false;
};

std::optional<std::uint64_t> number(std::string_view text) {
  if (text.starts_with("0x")) return parse_integer<std::uint64_t>(text.substr(2), 16);
  return parse_integer<std::uint64_t>(text);
}

Result<void> take_pair(std::string_view key, std::string_view text, Parts& parts) {
  const std::optional<std::uint64_t> value = number(text);
  if (!value) return fail(std::string(kWhat), fmt::format("'{}' is not a number", printable(text)));
  if (key == "pfn") {
    parts.frame = *value;
  } else if (key == "pkey" && *value < 16) {
    parts.pkey = *value;
  } else if (key == "type" && *value < kSwapTypes) {
    parts.type = *value;
  } else if (key == "offset") {
    parts.offset = *value;
  } else {
    return fail(std::string(kWhat), fmt::format("'{}={}' is no field of an entry, or too large",
                                                printable(key), printable(text)));
  }
  return {};
}

Result<void> take_part(std::string_view word, Parts& parts) {
  if (const std::size_t equals = word.find('='); equals != std::string_view::npos) {
    return take_pair(word.substr(0, equals), word.substr(equals + 1), parts);
  }
  for (const FlagWord& flag : kFlagWords) {
    if (flag.word == word) {
      parts.flags |= flag.bits;
      return {};
    }
  }
  for (const SwapWord& swap : kSwapWords) {
    if (swap.word == word) {
      parts.swap = &swap;
      return {};
    }
  }
  if (word == "protnone") {
    parts.prot_none = true;
    return {};
  }
  return fail(
      std::string(kWhat), fmt::format("unknown word '{}'", printable(word)),
      "words are P RW US PWT PCD A D PSE G SPECIAL UFFD_WP SOFT_DIRTY NX table protnone swap "
      "guard migration-read migration-write ..., and pfn= pkey= type= offset=");
}

constexpr std::uint64_t kMaxFrame = (1ULL << 40U) - 1;
constexpr std::uint64_t kMaxOffset = (1ULL << 50U) - 1;

Result<std::uint64_t> encode_swap(const Parts& parts, Level level, const EntryRules& rules) {
  const std::optional<unsigned> type = swap_type_for(parts.swap->use, rules);
  if (!type) {
    return fail(std::string(kWhat), fmt::format("this kernel has no '{}'", parts.swap->word));
  }
  if (level > Level::Pud) return fail(std::string(kWhat), "only a pte, pmd or pud can be that");
  Entry entry{.level = level,
              .form = EntryForm::Swap,
              .value = parts.swap->offset,
              .swap_type = parts.swap->use == SwapUse::Area
                               ? static_cast<unsigned>(parts.type.value_or(0))
                               : *type,
              .flags = parts.flags};
  if (parts.frame) entry.value = *parts.frame;
  if (parts.offset) entry.value = *parts.offset;
  if (entry.value > kMaxOffset) return fail(std::string(kWhat), "the offset has at most 50 bits");
  if ((entry.flags & ~(kWritable | kUser | kWriteThrough)) != 0) {
    return fail(std::string(kWhat), "an entry that is not present has no flags but bits 1 to 3");
  }
  if (use_of_swap_type(entry.swap_type, rules) != parts.swap->use) {
    return fail(std::string(kWhat), fmt::format("type {} is not a swap area's", entry.swap_type));
  }
  return encode(entry);
}

}  // namespace

Result<std::uint64_t> parse_entry(std::string_view text, Level level, const EntryRules& rules) {
  Parts parts;
  std::string words(text);
  for (char& c : words) {
    if (c == ',' || c == '|') c = ' ';
  }
  std::string_view rest = words;
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    FT_TRY_VOID(take_part(word, parts));
  }
  if (parts.swap) return encode_swap(parts, level, rules);
  if (parts.prot_none) parts.flags |= kProtNoneFlags;
  if (parts.prot_none && level != Level::Pte) parts.flags |= kHuge;
  parts.flags |= parts.pkey << kPkeyShift;
  if (!parts.frame && parts.flags == 0) return std::uint64_t{0};
  const std::uint64_t frame = parts.frame.value_or(0);
  if (frame > kMaxFrame) return fail(std::string(kWhat), "the frame's number has at most 40 bits");
  Entry entry = decode(parts.flags | kPresent, level, rules);
  entry.flags = parts.flags;
  const std::uint64_t pages = bytes_of(entry, rules) >> kPageShift;
  if (pages != 0 && frame % pages != 0) {
    return fail(std::string(kWhat),
                fmt::format("a frame of that size has a number divisible by {}", pages));
  }
  if ((parts.flags & kPresent) == 0 && !parts.prot_none) {
    return fail(std::string(kWhat), "neither P, nor protnone, nor a swap word");
  }
  entry.value = frame;
  return encode(entry);
}

}  // namespace ft::arch
