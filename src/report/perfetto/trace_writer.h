// TraceWriter encodes a trace for ui.perfetto.dev: packets of the protobuf message
// perfetto.protos.Trace, one after the other, so that a trace of any length is written as a stream.
//
// Field numbers: protos/perfetto/trace/{trace_packet,track_event/*,profiling/profile_common,
// interned_data/interned_data}.proto of github.com/google/perfetto, which only ever adds to them.
//
// Times are nanoseconds since the recording's start. Text may hold any bytes; what is not printable
// UTF-8 is disarmed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace ft::report::perfetto {

// Takes the next piece of the file; false stops the writing.
using Write = std::function<bool(std::string_view)>;

using TrackId = std::uint64_t;  // not 0
using Iid = std::uint64_t;      // number of an interned string, frame or stack, from 1

enum class Unit : std::uint8_t { Count = 2, Bytes = 3 };  // CounterDescriptor.Unit

// One line of what the viewer shows beside a slice.
struct Annotation {
  enum class Kind : std::uint8_t { Text, Number, Address };
  std::string_view name;
  Kind kind = Kind::Text;
  std::string_view text;
  std::uint64_t number = 0;

  static Annotation of(std::string_view name, std::string_view text) {
    return {name, Kind::Text, text, 0};
  }
  static Annotation of_number(std::string_view name, std::uint64_t number) {
    return {name, Kind::Number, {}, number};
  }
  static Annotation of_address(std::string_view name, std::uint64_t address) {
    return {name, Kind::Address, {}, address};
  }
};

struct Slice {
  TrackId track = 0;
  std::string_view name;
  std::span<const Annotation> annotations;
  std::span<const std::uint64_t> flows;         // arrows that pass through, by number
  std::span<const std::uint64_t> ending_flows;  // arrows that end here
};

class TraceWriter {
 public:
  explicit TraceWriter(const Write& write) : write_(write) {}

  // The time of day at ts 0, nanoseconds since 1970.
  void start_of_day(std::uint64_t realtime_ns);

  void process_track(TrackId track, std::int32_t pid, std::string_view name,
                     std::span<const std::string> command);
  void thread_track(TrackId track, std::int32_t pid, std::int32_t tid, std::string_view name);
  void track(TrackId track, TrackId parent, std::string_view name);
  void counter_track(TrackId track, TrackId parent, std::string_view name, Unit unit);

  // Slices of one track must nest.
  void slice(const Slice& slice, Nanoseconds begin, Nanoseconds end);
  void instant(const Slice& slice, Nanoseconds ts);
  void counter(TrackId track, Nanoseconds ts, std::uint64_t value);

  // Stacks: `frames` from the outermost to the innermost.
  Iid frame(std::string_view function, std::string_view module);
  Iid stack(const std::vector<Iid>& frames);
  void sample(Nanoseconds ts, std::int32_t pid, std::int32_t tid, Iid stack);

  // Writes what is left. False where `write` stopped it.
  bool finish();

 private:
  struct Table {
    std::uint32_t field = 0;  // of InternedData
    std::map<std::string, Iid, std::less<>> iids;
  };

  struct EncodedAnnotation {
    Iid name = 0;
    std::uint64_t value = 0;
    std::uint32_t field = 0;  // of DebugAnnotation
  };

  Iid intern(Table& table, std::string_view text);
  void add_event(const Slice& slice, Nanoseconds ts, std::int32_t type);
  // `packet`: the bytes of a TracePacket without what every packet has.
  void add_packet(std::string packet);
  void flush(std::size_t at_least);

  const Write& write_;
  std::string pending_;   // whole packets
  std::string interned_;  // InternedData that the next packet must carry
  bool first_ = true;
  bool stopped_ = false;
  Table names_{.field = 2, .iids = {}};
  Table annotation_names_{.field = 3, .iids = {}};
  Table annotation_texts_{.field = 29, .iids = {}};
  Table functions_{.field = 5, .iids = {}};
  Table paths_{.field = 17, .iids = {}};
  std::vector<EncodedAnnotation> annotations_;  // of the event that is being written
  std::map<Iid, Iid> mappings_;                 // by path
  std::map<std::pair<Iid, Iid>, Iid> frames_;
  std::map<std::vector<Iid>, Iid> stacks_;
};

}  // namespace ft::report::perfetto
