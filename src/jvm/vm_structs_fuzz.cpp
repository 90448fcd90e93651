// VmStructs and HotSpotMemory over a memory whose every byte is the fuzzer's: the input is what the
// target has at addresses from 0 on, and at its start stand the addresses of the exported symbols.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#include "jvm/hotspot_memory.h"
#include "jvm/vm_structs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ft::jvm::ReadMemory memory = [&](std::uint64_t address, std::span<std::byte> into) {
    if (address > size || size - address < into.size()) return false;
    std::memcpy(into.data(), data + address, into.size());
    return true;
  };
  // One of sixteen slots of eight bytes, by the name: small inputs reach far.
  const ft::jvm::FindSymbol symbol = [](std::string_view name) -> std::optional<std::uint64_t> {
    return std::hash<std::string_view>{}(name) % 16 * 8;
  };
  const auto structs = ft::jvm::VmStructs::read(symbol, memory);
  if (!structs) return 0;
  (void)ft::jvm::read_hotspot_memory(*structs, symbol, memory);
  return 0;
}
