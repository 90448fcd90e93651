// Any bytes as a trace of lackey or of perf script: an access stream or an Error that names the
// line, never a crash; the same whether it comes in one piece or byte by byte.
#include <string>
#include <vector>

#include "arch/paging.h"
#include "base/check.h"
#include "sim/tlb/imported_streams.h"

namespace {

using namespace ft;
using namespace ft::sim::tlb;

struct Read {
  std::vector<Access> accesses;
  std::string error;
};

Read read_all(std::unique_ptr<AccessStream> stream) {
  Read all;
  std::vector<Access> some(3);
  while (true) {
    const auto count = stream->next(some);
    if (!count) {
      FT_CHECK(count.error().what.starts_with("trace:"));
      all.error = count.error().message();
      FT_CHECK(*stream->next(some) == 0);
      return all;
    }
    if (*count == 0) return all;
    for (std::size_t i = 0; i < *count; ++i) {
      FT_CHECK(arch::is_canonical(some[i].address, arch::Levels::Five));
      all.accesses.push_back(some[i]);
    }
  }
}

ReadBytes byte_by_byte(std::string text) {
  return [read = read_from(std::move(text))](std::span<char> out) { return read(out.first(1)); };
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const auto read : {&read_lackey, &read_perf_script}) {
    const Read whole = read_all(read(read_from(text), "trace"));
    const Read pieces = read_all(read(byte_by_byte(text), "trace"));
    FT_CHECK(whole.error == pieces.error);
    FT_CHECK(whole.error.empty() ? whole.accesses == pieces.accesses : true);
    FT_CHECK(whole.accesses.size() <= 4 * size);
  }
  return 0;
}
