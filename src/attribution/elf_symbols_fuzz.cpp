#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "attribution/elf_symbols.h"
#include "base/fd.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ft::Fd file(::memfd_create("elf", MFD_CLOEXEC));
  if (!file.valid() || ::write(file.get(), data, size) != static_cast<ssize_t>(size)) return 0;
  const auto symbols =
      ft::attribution::ElfSymbols::load("/proc/self/fd/" + std::to_string(file.get()));
  if (!symbols) return 0;
  for (std::uint64_t address = 0; address < 0x2000; address += 0x80) {
    if (const auto symbol = symbols->find(address)) ft::attribution::demangle(symbol->name);
    (void)symbols->virtual_address(address);
  }
  return 0;
}
