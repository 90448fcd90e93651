#include "jvm/vm_structs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace ft::jvm {

namespace {

constexpr std::uint64_t kMostStride = 1024;

std::unexpected<Error> damaged(std::string why) {
  return fail("the JVM's tables of its own structures", std::move(why));
}

// One of the exported tables: entries of a stride of the JVM's own choice, ended by an entry
// without a name.
class Table {
 public:
  static Result<Table> open(const FindSymbol& symbol, const ReadMemory& memory,
                            const std::string& name, const std::string& entry) {
    Table table(memory);
    table.start_ = FT_TRY(variable(symbol, memory, name));
    table.stride_ = FT_TRY(variable(symbol, memory, entry + "ArrayStride"));
    table.symbol_ = &symbol;
    table.entry_ = entry;
    if (table.stride_ < sizeof(std::uint64_t) || table.stride_ > kMostStride) {
      return damaged(fmt::format("{} says a stride of {} bytes", name, table.stride_));
    }
    return table;
  }

  // Where a column lies in an entry.
  Result<std::uint64_t> column(std::string_view name) const {
    const std::uint64_t offset =
        FT_TRY(variable(*symbol_, memory_, fmt::format("{}{}Offset", entry_, name)));
    if (offset > stride_ - sizeof(std::uint32_t)) {
      return damaged(fmt::format("{}{} lies outside of its entry", entry_, name));
    }
    return offset;
  }

  template <typename Value>
  std::optional<Value> get(std::size_t entry, std::uint64_t column) const {
    return read_value<Value>(memory_, start_ + entry * stride_ + column);
  }
  std::optional<std::string> text(std::size_t entry, std::uint64_t column) const {
    const auto pointer = get<std::uint64_t>(entry, column);
    if (!pointer) return std::nullopt;
    return *pointer == 0 ? std::string() : read_text(memory_, *pointer);
  }

 private:
  explicit Table(const ReadMemory& memory) : memory_(memory) {}

  static Result<std::uint64_t> variable(const FindSymbol& symbol, const ReadMemory& memory,
                                        const std::string& name) {
    const auto address = symbol(name);
    if (!address) return damaged("libjvm.so does not export " + name);
    const auto value = read_value<std::uint64_t>(memory, *address);
    if (!value) return damaged(name + " cannot be read");
    return *value;
  }

  const ReadMemory& memory_;
  const FindSymbol* symbol_ = nullptr;
  std::string entry_;
  std::uint64_t start_ = 0;
  std::uint64_t stride_ = 0;
};

}  // namespace

std::optional<std::string> read_text(const ReadMemory& memory, std::uint64_t address,
                                     std::size_t limit) {
  std::string text;
  while (text.size() < limit) {
    // Never across a border of pages: the next page may not be there.
    std::array<std::byte, 64> piece{};
    const std::uint64_t at = address + text.size();
    const std::size_t count = std::min<std::size_t>(piece.size(), piece.size() - at % piece.size());
    if (!memory(at, std::span(piece).first(count))) return std::nullopt;
    const void* zero = std::memchr(piece.data(), 0, count);
    const auto* chars = reinterpret_cast<const char*>(piece.data());
    const std::size_t taken =
        zero ? static_cast<std::size_t>(static_cast<const char*>(zero) - chars) : count;
    text.append(chars, taken);
    if (zero) return text.size() <= limit ? std::optional(text) : std::nullopt;
  }
  return std::nullopt;
}

Result<VmStructs> VmStructs::read(const FindSymbol& symbol, const ReadMemory& memory) {
  VmStructs structs;
  const Table fields =
      FT_TRY(Table::open(symbol, memory, "gHotSpotVMStructs", "gHotSpotVMStructEntry"));
  const std::uint64_t type = FT_TRY(fields.column("TypeName"));
  const std::uint64_t name = FT_TRY(fields.column("FieldName"));
  const std::uint64_t is_static = FT_TRY(fields.column("IsStatic"));
  const std::uint64_t offset = FT_TRY(fields.column("Offset"));
  const std::uint64_t address = FT_TRY(fields.column("Address"));
  for (std::size_t i = 0;; ++i) {
    if (i == kMostEntries) return damaged("the table of fields has no end");
    const auto type_name = fields.text(i, type);
    if (!type_name) return damaged(fmt::format("field {} cannot be read", i));
    if (type_name->empty()) break;
    const auto field_name = fields.text(i, name);
    const auto fixed = fields.get<std::int32_t>(i, is_static);
    const auto place = fields.get<std::uint64_t>(i, fixed.value_or(0) != 0 ? address : offset);
    if (!field_name || !fixed || !place) return damaged(fmt::format("field {} cannot be read", i));
    structs.fields_.try_emplace(*type_name + "::" + *field_name, Field{*fixed != 0, *place});
  }

  const Table types = FT_TRY(Table::open(symbol, memory, "gHotSpotVMTypes", "gHotSpotVMTypeEntry"));
  const std::uint64_t types_name = FT_TRY(types.column("TypeName"));
  const std::uint64_t size = FT_TRY(types.column("Size"));
  for (std::size_t i = 0;; ++i) {
    if (i == kMostEntries) return damaged("the table of types has no end");
    const auto type_name = types.text(i, types_name);
    if (!type_name) return damaged(fmt::format("type {} cannot be read", i));
    if (type_name->empty()) break;
    const auto bytes = types.get<std::uint64_t>(i, size);
    if (!bytes) return damaged(fmt::format("type {} cannot be read", i));
    structs.types_.try_emplace(*type_name, *bytes);
  }
  return structs;
}

const VmStructs::Field* VmStructs::find(std::string_view type, std::string_view field) const {
  const auto found = fields_.find(fmt::format("{}::{}", type, field));
  return found == fields_.end() ? nullptr : &found->second;
}

std::optional<std::uint64_t> VmStructs::offset(std::string_view type,
                                               std::string_view field) const {
  const Field* found = find(type, field);
  return found && !found->is_static ? std::optional(found->place) : std::nullopt;
}

std::optional<std::uint64_t> VmStructs::address(std::string_view type,
                                                std::string_view field) const {
  const Field* found = find(type, field);
  return found && found->is_static ? std::optional(found->place) : std::nullopt;
}

std::optional<std::uint64_t> VmStructs::size_of(std::string_view type) const {
  const auto found = types_.find(std::string(type));
  return found == types_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace ft::jvm
