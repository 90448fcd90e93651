#include <cstdint>
#include <string_view>

#include "jvm/nmt.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = ft::jvm::parse_nmt(text);
  (void)parsed;
  return 0;
}
