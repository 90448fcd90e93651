// What a memory map, live or of a recording, tells the findings.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "analysis/findings/findings.h"
#include "report/model/memory_map.h"

namespace ft::analysis {

// Sets what the map knows and leaves everything else as it is. A process that is no JVM gets no
// facts about a heap. `words` are its command line and options from its environment, as far as they
// are known: where a collector reserves more than the heap's maximum (ZGC), the maximum is known
// from them alone.
void add_facts(const report::model::MemoryMap& map, std::span<const std::string> words,
               FindingFacts& facts);

// The last of -Xmx and -XX:MaxHeapSize among a JVM's words; nothing where it is not given.
std::optional<std::uint64_t> heap_maximum_given(std::span<const std::string> words);

// FindingFacts::beyond_nmt of a JVM, from what each part has resident, by its name; nothing where
// one of them is not known.
std::optional<std::uint64_t> sum_beyond_nmt(
    const std::function<std::optional<std::uint64_t>(std::string_view)>& resident_of);

}  // namespace ft::analysis
