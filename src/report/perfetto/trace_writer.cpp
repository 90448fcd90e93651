#include "report/perfetto/trace_writer.h"

#include <protozero/pbf_writer.hpp>

#include "base/text.h"

namespace ft::report::perfetto {

namespace {

using protozero::pbf_writer;

constexpr std::size_t kFlushAt = std::size_t{256} << 10U;
constexpr std::uint32_t kSequence = 1;

// perfetto.protos.Trace
constexpr std::uint32_t kTracePacket = 1;

// TracePacket
constexpr std::uint32_t kClockSnapshot = 6;
constexpr std::uint32_t kTimestamp = 8;
constexpr std::uint32_t kSequenceId = 10;
constexpr std::uint32_t kTrackEvent = 11;
constexpr std::uint32_t kInternedData = 12;
constexpr std::uint32_t kSequenceFlags = 13;
constexpr std::uint32_t kDefaults = 59;
constexpr std::uint32_t kTrackDescriptor = 60;
constexpr std::uint32_t kPerfSample = 66;

constexpr std::uint32_t kStateCleared = 1;  // TracePacket.SequenceFlags
constexpr std::uint32_t kNeedsState = 2;

// TracePacketDefaults, PerfSampleDefaults, PerfEvents.Timebase
constexpr std::uint32_t kPerfSampleDefaults = 12;
constexpr std::uint32_t kTimebase = 1;
constexpr std::uint32_t kTimebaseCounter = 4;
constexpr std::int32_t kSoftwareCpuClock = 1;

// TrackEvent
constexpr std::uint32_t kEventAnnotation = 4;
constexpr std::uint32_t kEventType = 9;
constexpr std::uint32_t kEventNameIid = 10;
constexpr std::uint32_t kEventTrack = 11;
constexpr std::uint32_t kEventCounter = 30;
constexpr std::uint32_t kEventFlow = 47;
constexpr std::uint32_t kEventEndingFlow = 48;
constexpr std::int32_t kSliceBegin = 1;
constexpr std::int32_t kSliceEnd = 2;
constexpr std::int32_t kInstant = 3;
constexpr std::int32_t kCounter = 4;

// TrackDescriptor
constexpr std::uint32_t kTrackUuid = 1;
constexpr std::uint32_t kTrackName = 2;
constexpr std::uint32_t kTrackProcess = 3;
constexpr std::uint32_t kTrackThread = 4;
constexpr std::uint32_t kTrackParent = 5;
constexpr std::uint32_t kTrackCounter = 8;

// InternedData
constexpr std::uint32_t kInternedFrame = 6;
constexpr std::uint32_t kInternedStack = 7;
constexpr std::uint32_t kInternedMapping = 19;

// The viewer's clocks: builtin clock ids of ClockSnapshot.
constexpr std::uint32_t kRealtime = 1;
constexpr std::uint32_t kBoottime = 6;

void add_clock(pbf_writer& snapshot, std::uint32_t clock, std::uint64_t at) {
  pbf_writer entry(snapshot, 1);
  entry.add_uint32(1, clock);
  entry.add_uint64(2, at);
}

void add_text(pbf_writer& message, std::uint32_t field, std::string_view text) {
  message.add_string(field, printable(text));
}

// DebugAnnotation: the numbers of its name and, where it is text, of that.
constexpr std::uint32_t kAnnotationName = 1;
constexpr std::uint32_t kAnnotationNumber = 3;
constexpr std::uint32_t kAnnotationAddress = 7;
constexpr std::uint32_t kAnnotationText = 17;

}  // namespace

void TraceWriter::add_packet(std::string packet) {
  pbf_writer message(packet);
  message.add_uint32(kSequenceId, kSequence);
  if (!interned_.empty()) message.add_message(kInternedData, interned_);
  interned_.clear();
  message.add_uint32(kSequenceFlags, first_ ? kStateCleared | kNeedsState : kNeedsState);
  if (first_) {
    pbf_writer defaults(message, kDefaults);
    pbf_writer samples(defaults, kPerfSampleDefaults);
    pbf_writer timebase(samples, kTimebase);
    timebase.add_enum(kTimebaseCounter, kSoftwareCpuClock);
  }
  first_ = false;
  pbf_writer(pending_).add_message(kTracePacket, packet);
  flush(kFlushAt);
}

void TraceWriter::flush(std::size_t at_least) {
  if (pending_.size() < at_least) return;
  if (!stopped_ && !write_(pending_)) stopped_ = true;
  pending_.clear();
}

bool TraceWriter::finish() {
  flush(1);
  return !stopped_;
}

Iid TraceWriter::intern(Table& table, std::string_view text) {
  const auto found = table.iids.find(text);
  if (found != table.iids.end()) return found->second;
  const Iid iid = table.iids.size() + 1;
  table.iids.emplace(text, iid);
  pbf_writer data(interned_);
  pbf_writer entry(data, table.field);
  entry.add_uint64(1, iid);
  add_text(entry, 2, text);
  return iid;
}

void TraceWriter::start_of_day(std::uint64_t realtime_ns) {
  std::string packet;
  {
    pbf_writer message(packet);
    pbf_writer snapshot(message, kClockSnapshot);
    add_clock(snapshot, kBoottime, 0);
    add_clock(snapshot, kRealtime, realtime_ns);
  }
  add_packet(std::move(packet));
}

void TraceWriter::process_track(TrackId track, std::int32_t pid, std::string_view name,
                                std::span<const std::string> command) {
  std::string packet;
  {
    pbf_writer message(packet);
    pbf_writer descriptor(message, kTrackDescriptor);
    descriptor.add_uint64(kTrackUuid, track);
    pbf_writer process(descriptor, kTrackProcess);
    process.add_int32(1, pid);
    for (const std::string& word : command) add_text(process, 2, word);
    add_text(process, 6, name);
  }
  add_packet(std::move(packet));
}

void TraceWriter::thread_track(TrackId track, std::int32_t pid, std::int32_t tid,
                               std::string_view name) {
  std::string packet;
  {
    pbf_writer message(packet);
    pbf_writer descriptor(message, kTrackDescriptor);
    descriptor.add_uint64(kTrackUuid, track);
    pbf_writer thread(descriptor, kTrackThread);
    thread.add_int32(1, pid);
    thread.add_int32(2, tid);
    add_text(thread, 5, name);
  }
  add_packet(std::move(packet));
}

void TraceWriter::track(TrackId track, TrackId parent, std::string_view name) {
  std::string packet;
  {
    pbf_writer message(packet);
    pbf_writer descriptor(message, kTrackDescriptor);
    descriptor.add_uint64(kTrackUuid, track);
    if (parent != 0) descriptor.add_uint64(kTrackParent, parent);
    add_text(descriptor, kTrackName, name);
  }
  add_packet(std::move(packet));
}

void TraceWriter::counter_track(TrackId track, TrackId parent, std::string_view name, Unit unit) {
  std::string packet;
  {
    pbf_writer message(packet);
    pbf_writer descriptor(message, kTrackDescriptor);
    descriptor.add_uint64(kTrackUuid, track);
    if (parent != 0) descriptor.add_uint64(kTrackParent, parent);
    add_text(descriptor, kTrackName, name);
    pbf_writer counter(descriptor, kTrackCounter);
    counter.add_enum(3, static_cast<std::int32_t>(unit));
  }
  add_packet(std::move(packet));
}

void TraceWriter::add_event(const Slice& slice, Nanoseconds ts, std::int32_t type) {
  const Iid name = intern(names_, slice.name);
  annotations_.clear();
  for (const Annotation& annotation : slice.annotations) {
    const bool is_text = annotation.kind == Annotation::Kind::Text;
    annotations_.push_back(
        {intern(annotation_names_, annotation.name),
         is_text ? intern(annotation_texts_, annotation.text) : annotation.number,
         is_text                                       ? kAnnotationText
         : annotation.kind == Annotation::Kind::Number ? kAnnotationNumber
                                                       : kAnnotationAddress});
  }
  std::string packet;
  {
    pbf_writer message(packet);
    message.add_uint64(kTimestamp, static_cast<std::uint64_t>(ts));
    pbf_writer event(message, kTrackEvent);
    event.add_enum(kEventType, type);
    event.add_uint64(kEventTrack, slice.track);
    event.add_uint64(kEventNameIid, name);
    for (const EncodedAnnotation& annotation : annotations_) {
      pbf_writer line(event, kEventAnnotation);
      line.add_uint64(kAnnotationName, annotation.name);
      line.add_uint64(annotation.field, annotation.value);
    }
    for (const std::uint64_t flow : slice.flows) event.add_fixed64(kEventFlow, flow);
    for (const std::uint64_t flow : slice.ending_flows) event.add_fixed64(kEventEndingFlow, flow);
  }
  add_packet(std::move(packet));
}

void TraceWriter::slice(const Slice& slice, Nanoseconds begin, Nanoseconds end) {
  add_event(slice, begin, kSliceBegin);
  std::string packet;
  {
    pbf_writer message(packet);
    message.add_uint64(kTimestamp, static_cast<std::uint64_t>(end));
    pbf_writer event(message, kTrackEvent);
    event.add_enum(kEventType, kSliceEnd);
    event.add_uint64(kEventTrack, slice.track);
  }
  add_packet(std::move(packet));
}

void TraceWriter::instant(const Slice& slice, Nanoseconds ts) {
  add_event(slice, ts, kInstant);
}

void TraceWriter::counter(TrackId track, Nanoseconds ts, std::uint64_t value) {
  std::string packet;
  {
    pbf_writer message(packet);
    message.add_uint64(kTimestamp, static_cast<std::uint64_t>(ts));
    pbf_writer event(message, kTrackEvent);
    event.add_enum(kEventType, kCounter);
    event.add_uint64(kEventTrack, track);
    event.add_int64(kEventCounter, static_cast<std::int64_t>(value));
  }
  add_packet(std::move(packet));
}

Iid TraceWriter::frame(std::string_view function, std::string_view module) {
  const Iid name = intern(functions_, function);
  const Iid path = intern(paths_, module);
  const auto [mapping, new_mapping] = mappings_.try_emplace(path, mappings_.size() + 1);
  if (new_mapping) {
    pbf_writer data(interned_);
    pbf_writer entry(data, kInternedMapping);
    entry.add_uint64(1, mapping->second);
    entry.add_uint64(7, path);
  }
  const auto [frame, is_new] = frames_.try_emplace({name, path}, frames_.size() + 1);
  if (is_new) {
    pbf_writer data(interned_);
    pbf_writer entry(data, kInternedFrame);
    entry.add_uint64(1, frame->second);
    entry.add_uint64(2, name);
    entry.add_uint64(3, mapping->second);
    entry.add_uint64(4, frame->second);  // the viewer tells frames of a mapping apart by their pc
  }
  return frame->second;
}

Iid TraceWriter::stack(const std::vector<Iid>& frames) {
  const auto [stack, is_new] = stacks_.try_emplace(frames, stacks_.size() + 1);
  if (is_new) {
    pbf_writer data(interned_);
    pbf_writer entry(data, kInternedStack);
    entry.add_uint64(1, stack->second);
    for (const Iid frame : frames) entry.add_uint64(2, frame);
  }
  return stack->second;
}

void TraceWriter::sample(Nanoseconds ts, std::int32_t pid, std::int32_t tid, Iid stack) {
  std::string packet;
  {
    pbf_writer message(packet);
    message.add_uint64(kTimestamp, static_cast<std::uint64_t>(ts));
    pbf_writer sample(message, kPerfSample);
    sample.add_uint32(1, 0);  // on which CPU was not recorded
    sample.add_uint32(2, static_cast<std::uint32_t>(pid));
    sample.add_uint32(3, static_cast<std::uint32_t>(tid));
    sample.add_uint64(4, stack);
  }
  add_packet(std::move(packet));
}

}  // namespace ft::report::perfetto
