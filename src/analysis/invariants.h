// Invariants checks a trace against what any true trace obeys, and tells every breach with its
// place. `firsttouch check` is made of it; importers and the model kernel are tested with it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "event/trace.h"
#include "report/model/report.h"

namespace ft::analysis {

enum class Rule : std::uint8_t {
  Unreadable,         // a part of the source cannot be read
  CutShort,           // the recorder was killed
  IdOutOfRange,       // a stack or file that the trace does not have
  UnknownValue,       // an enumeration or a page order out of range
  NegativeTime,       // a time before the recording, a duration below "not known"
  UnsortedBatch,      // times fall within a batch
  UnknownThread,      // an event of a tid that no thread has
  OutsideThreadLife,  // before the thread began or after it ended
  ProcessMismatch,   // a call whose pid is not its thread's, a thread outside of its process's life
  CallsOverlap,      // two system calls of one thread at the same time
  FaultsOverlap,     // two page faults of one thread at the same time
  MappingOverlap,    // mmap put a mapping over another without MAP_FIXED
  DoesNotReconcile,  // two sources differ by more than is allowed
  DoesNotAddUp,      // the report contradicts itself: an error of firsttouch
};
inline constexpr std::size_t kRuleCount = 14;

std::string_view name_of(Rule rule);

struct Violation {
  Rule rule{};
  std::string stream;        // "syscall", "fault", "thread", ...; empty: the recording as a whole
  std::uint64_t number = 0;  // of the event in its stream, 1 for the first
  Nanoseconds ts = 0;
  std::string what;
};

struct CheckResult {
  std::vector<Violation> violations;  // the first few of each rule, in the order they were found
  std::array<std::uint64_t, kRuleCount> counts{};
  std::uint64_t events = 0;  // how many were looked at

  bool clean() const { return violations.empty(); }  // REQUIRES: keep_per_rule > 0
};

struct CheckOptions {
  std::size_t keep_per_rule = 10;
};

// Fails only where the source cannot tell a trace at all; a stream that breaks off later is a
// violation.
Result<CheckResult> check_invariants(event::EventSource& source, const CheckOptions& options = {});

// Adds the reconciliation and the sums of the trace's report.
void check_report(const report::model::Report& report, const CheckOptions& options,
                  CheckResult& result);

}  // namespace ft::analysis
