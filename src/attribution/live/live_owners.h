// LiveOwners says whose the mappings of a running process are, without a recording of how they were
// made: by the names of /proc, by the JVM's own data and the C library's, read in place, and where
// that may not be read or says nothing, by what mappings look like (docs/map.md).
//
// The target is not stopped: what it changes meanwhile can make single answers wrong, never the
// reader fail.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attribution/owner_history.h"
#include "base/range.h"
#include "host/host_files.h"
#include "host/maps.h"
#include "jvm/hotspot_memory.h"

namespace ft::attribution {

// A part of one mapping that has one owner.
struct OwnedPiece {
  AddressRange range;
  std::uint32_t area = 0;  // index of the mapping
  OwnerId owner = 0;       // index into owners()
};

struct JvmAnswer;

enum class TargetReading : std::uint8_t { Allowed, Never };

class LiveOwners {
 public:
  // `reading` Never: by /proc and shape alone. Where reading is not allowed to us, the same, and
  // notes() says why.
  static LiveOwners make(pid_t pid, host::HostFiles files,
                         TargetReading reading = TargetReading::Allowed);
  LiveOwners(LiveOwners&&) noexcept;
  LiveOwners& operator=(LiveOwners&&) noexcept;
  ~LiveOwners();

  // Gives every byte of `areas` an owner. The pieces are in the order of the mappings, and cover
  // them exactly. Where the mappings are those of the last call, so are the pieces.
  void assign(std::span<const host::Vma> areas);

  // What the JVM says of itself takes part from the next assign() on; it outlives this.
  void set_answer(const JvmAnswer& answer);

  std::span<const OwnedPiece> pieces() const;
  std::span<const Owner> owners() const;

  // malloc's own account of the process, in bytes, with blocks that it took from mmap; nothing
  // where it could not be read. Reads each free chunk's header.
  struct CHeapUse {
    std::uint64_t used = 0;
    std::uint64_t arenas = 0;  // the main one included
  };
  std::optional<CHeapUse> c_heap_use();

  bool is_jvm() const;
  // Its own data, as far as they were read at the last assign().
  const jvm::HotSpotMemory& hotspot() const;
  std::string jvm() const;  // "HotSpot 17.0.15+6, G1"; empty where it is none
  std::vector<std::string> notes() const;
  std::uint64_t bytes_read() const;  // of the target's memory, in all

 private:
  struct State;
  explicit LiveOwners(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ft::attribution
