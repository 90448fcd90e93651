// StackRules says which part of HotSpot asked for a mapping, from the names on the calling stack.
// One ordered table holds all of it (stack_rules.cpp); the first rule with a pattern found in any
// frame decides. What the table knows was read and measured in JDK 17 and 25 (docs/attribution.md).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "event/event.h"
#include "jvm/subsystem.h"

namespace ft::jvm {

// What a matching rule asks of whoever keeps the map of owners.
enum class RuleEffect : std::uint8_t {
  Own,               // the mapping belongs to the rule's subsystem
  Inherit,           // a commit or uncommit: whoever reserved the address owns it
  InheritElseOwn,    // the same, and the rule's subsystem where nothing was reserved there
  StackGuard,        // a guard zone inside a thread stack
  CdsHeapObjects,    // archived objects mapped from the CDS file into the heap
  CdsAndClassSpace,  // one reservation: CDS archive below, class space above
  G1SideTable,       // identical stacks; told apart by order and size, or by a probe
};

struct StackRule {
  RuleEffect effect = RuleEffect::Own;
  Subsystem subsystem = Subsystem::Unknown;
  std::string_view detail;     // empty: nothing finer than the subsystem
  std::uint8_t first_jdk = 0;  // the releases in which the names below exist, as far as is known
  std::uint8_t last_jdk = 0;
  std::string_view why;
};

// The rule the stack obeys; nullptr where none does. Frames that are not libjvm's do no harm: the
// names are HotSpot's own.
const StackRule* match_stack(std::span<const event::Frame> frames);

// For documentation and tests: every rule, in order.
std::span<const StackRule> stack_rules();

// "os::init" of "os::init()", "foo<int>" of "void foo<int>(bar) const [clone .cold]": the qualified
// name without parameters and suffixes. A return type of a template stays in front.
std::string_view function_name(std::string_view demangled);

// What a chunk of the C heap is for: "symbol table", or the function of libjvm that asked malloc
// for it; empty where the stack does not reach out of the allocator.
std::string_view malloc_purpose(std::span<const event::Frame> frames);

// The stack passes through Unsafe.allocateMemory: a direct ByteBuffer.
bool allocates_direct_buffer(std::span<const event::Frame> frames);

// The stack passes through FileChannel.map.
bool maps_file_channel(std::span<const event::Frame> frames);

}  // namespace ft::jvm
