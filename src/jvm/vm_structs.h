// VmStructs is the description that a HotSpot JVM carries of its own data structures: the tables
// that libjvm.so exports for debuggers (gHotSpotVMStructs, gHotSpotVMTypes; see src/hotspot/share/
// runtime/vmStructs.hpp of any JDK). They name classes, fields, offsets and the addresses of static
// fields, in every release and for every collector, and reading them asks nothing of the JVM.
//
// Nothing read is trusted: a table that is damaged or endless gives an Error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"

namespace ft::jvm {

// Reads the target's memory; false where a byte is not to be had.
using ReadMemory = std::function<bool(std::uint64_t address, std::span<std::byte> into)>;
// The address in the target of a variable that libjvm.so exports; nothing where it has none.
using FindSymbol = std::function<std::optional<std::uint64_t>(std::string_view name)>;

class VmStructs {
 public:
  static constexpr std::size_t kMostEntries = 20'000;

  static Result<VmStructs> read(const FindSymbol& symbol, const ReadMemory& memory);

  // Where a field lies in objects of the type.
  std::optional<std::uint64_t> offset(std::string_view type, std::string_view field) const;
  // Where a static field lies.
  std::optional<std::uint64_t> address(std::string_view type, std::string_view field) const;
  // sizeof(type)
  std::optional<std::uint64_t> size_of(std::string_view type) const;

  std::size_t fields() const { return fields_.size(); }
  std::size_t types() const { return types_.size(); }

 private:
  struct Field {
    bool is_static = false;
    std::uint64_t place = 0;  // address where static, offset where not
  };

  const Field* find(std::string_view type, std::string_view field) const;

  std::unordered_map<std::string, Field> fields_;         // by "type::field"
  std::unordered_map<std::string, std::uint64_t> types_;  // sizes
};

// A string of the target, without its final zero; nothing where it is longer than `limit`.
std::optional<std::string> read_text(const ReadMemory& memory, std::uint64_t address,
                                     std::size_t limit = 512);

template <typename Value>
std::optional<Value> read_value(const ReadMemory& memory, std::uint64_t address) {
  Value value{};
  if (!memory(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
  return value;
}

}  // namespace ft::jvm
