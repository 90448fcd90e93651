#include "sim/tlb/access_stream.h"

namespace ft::sim::tlb {

Result<RunSummary> run(Tlb& tlb, AccessStream& stream, PageSize size) {
  return run(tlb, stream, [size](std::uint64_t) { return size; });
}

}  // namespace ft::sim::tlb
