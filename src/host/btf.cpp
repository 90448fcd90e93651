#include "host/btf.h"

#include <fmt/format.h>

#include <cstring>

namespace ft::host {

namespace {

constexpr std::uint16_t kMagic = 0xeb9f;

struct Header {
  std::uint16_t magic;
  std::uint8_t version;
  std::uint8_t flags;
  std::uint32_t header_length;
  std::uint32_t type_offset;  // these two from the end of the header
  std::uint32_t type_length;
  std::uint32_t string_offset;
  std::uint32_t string_length;
};
static_assert(sizeof(Header) == 24);

struct Type {
  std::uint32_t name_offset;
  std::uint32_t info;  // bits 0-15 vlen, 24-28 kind
  std::uint32_t size_or_type;
};
static_assert(sizeof(Type) == 12);

constexpr unsigned kTypedef = 8;

// Bytes that follow a type of that kind; nothing for a kind that is not known.
std::optional<std::uint64_t> trailing_bytes(unsigned kind, std::uint64_t vlen) {
  switch (kind) {
    case 1:   // INT
    case 14:  // VAR
    case 17:  // DECL_TAG
      return 4;
    case 3:  // ARRAY
      return 12;
    case 4:   // STRUCT
    case 5:   // UNION
    case 15:  // DATASEC
    case 19:  // ENUM64
      return 12 * vlen;
    case 6:   // ENUM
    case 13:  // FUNC_PROTO
      return 8 * vlen;
    case 2:   // PTR
    case 7:   // FWD
    case 8:   // TYPEDEF
    case 9:   // VOLATILE
    case 10:  // CONST
    case 11:  // RESTRICT
    case 12:  // FUNC
    case 16:  // FLOAT
    case 18:  // TYPE_TAG
      return 0;
    default:
      return std::nullopt;
  }
}

template <typename Record>
Record read_record(std::string_view bytes, std::size_t offset) {
  Record record;
  std::memcpy(&record, bytes.data() + offset, sizeof record);
  return record;
}

std::unexpected<Error> fail_at(std::uint64_t offset, std::string why) {
  return fail(fmt::format("BTF: byte {}", offset), std::move(why));
}

// The part of `bytes` that a section claims; nothing where it sticks out.
std::optional<std::string_view> section(std::string_view bytes, std::uint64_t offset,
                                        std::uint64_t length) {
  if (offset > bytes.size() || length > bytes.size() - offset) return std::nullopt;
  return bytes.substr(offset, length);
}

}  // namespace

Result<BtfTracepoints> BtfTracepoints::make(std::string_view btf) {
  if (btf.size() < sizeof(Header)) return fail_at(0, "too short to be BTF");
  const auto header = read_record<Header>(btf, 0);
  if (header.magic != kMagic) return fail_at(0, "not BTF of a little-endian machine");
  const std::uint64_t base = header.header_length;
  const auto types = section(btf, base + header.type_offset, header.type_length);
  const auto strings = section(btf, base + header.string_offset, header.string_length);
  if (!types || !strings) return fail_at(4, "a section lies outside of the file");

  constexpr std::string_view kPrefix = "btf_trace_";
  BtfTracepoints tracepoints;
  std::uint32_t id = 1;  // 0 is void
  for (std::size_t at = 0; at < types->size(); ++id) {
    const std::uint64_t place = base + header.type_offset + at;
    if (types->size() - at < sizeof(Type)) return fail_at(place, "cut short inside a type");
    const auto type = read_record<Type>(*types, at);
    const unsigned kind = (type.info >> 24U) & 0x1fU;
    const auto trailing = trailing_bytes(kind, type.info & 0xffffU);
    if (!trailing) return fail_at(place, fmt::format("unknown kind {} of type", kind));
    if (*trailing > types->size() - at - sizeof(Type)) {
      return fail_at(place, "cut short inside a type");
    }
    at += sizeof(Type) + *trailing;
    if (kind != kTypedef || type.name_offset >= strings->size()) continue;
    std::string_view name = strings->substr(type.name_offset);
    if (!name.starts_with(kPrefix)) continue;
    name = name.substr(0, name.find('\0'));
    tracepoints.type_ids_.emplace(name.substr(kPrefix.size()), id);
  }
  return tracepoints;
}

}  // namespace ft::host
