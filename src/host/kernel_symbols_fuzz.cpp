// Anything as /proc/kallsyms.
#include "host/kernel_symbols.h"

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto symbols =
      ft::host::KernelSymbols::parse(std::string(reinterpret_cast<const char*>(data), size));
  if (!symbols) {
    FT_CHECK(symbols.error().what.starts_with("kallsyms:"));
    return 0;
  }
  FT_CHECK(symbols->size() <= size);
  for (std::uint64_t address = 0xffffffff80000000; address != 0; address += 0x8000000) {
    const auto found = symbols->find(address - 1);
    if (!found) continue;
    FT_CHECK(found->start < address);
    FT_CHECK(!found->name.empty() && found->name.size() + found->module.size() < size);
  }
  return 0;
}
