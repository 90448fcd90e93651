// Any bytes to the chunk decoder, as they are and with a checksum that matches; what it accepts
// must survive another round.
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "base/check.h"
#include "recording/checksum.h"
#include "recording/chunk_codec.h"
#include "recording/event_equality.h"

namespace {

using namespace ft::recording;

template <typename Event>
void decode_twice(std::string_view chunk) {
  static ChunkDecoder decoder;
  static ChunkEncoder encoder;
  std::vector<Event> events;
  if (!decoder.decode(chunk, events)) return;
  std::vector<Event> again;
  FT_CHECK(decoder.decode(encoder.encode(std::span<const Event>(events)), again));
  FT_CHECK(again.size() == events.size());
  // Of the other kinds equal ts may change places.
  if constexpr (std::is_same_v<Event, ft::event::Syscall>) FT_CHECK(again == events);
}

void decode_as_each_kind(std::string_view chunk) {
  decode_twice<ft::event::Fault>(chunk);
  decode_twice<ft::event::PageAlloc>(chunk);
  decode_twice<ft::event::TlbFlush>(chunk);
  decode_twice<ft::event::Sample>(chunk);
  decode_twice<ft::event::Syscall>(chunk);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  decode_as_each_kind(input);

  std::string sealed(input);
  const std::uint64_t sum = checksum_of(input);
  for (unsigned i = 0; i < 8; ++i) sealed += static_cast<char>(sum >> (8 * i));
  decode_as_each_kind(sealed);
  return 0;
}
