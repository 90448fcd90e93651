// Accesses that a tool recorded of a real program, read while they are used: traces may be larger
// than memory. A line that is not what the tool writes ends the stream with an Error that names it.
#pragma once

#include <memory>
#include <string>

#include "sim/tlb/access_stream.h"
#include "sim/tlb/line_feed.h"

namespace ft::sim::tlb {

// What `valgrind --tool=lackey --trace-mem=yes --log-file=FILE PROGRAM` writes: "I  0401ab70,3",
// " L 1fff000708,8", " S ...", " M ..." (a load, then a store), address in hexadecimal and size in
// decimal. Valgrind's own lines (==PID==) and those of --trace-superblocks are passed over. An
// access that crosses a page boundary is one access to each page, as it is to a processor.
std::unique_ptr<AccessStream> read_lackey(ReadBytes read, std::string name);

// What `perf script -F addr` prints of a recording with data addresses (perf mem record,
// perf record -d): an address a line. Fields before it may be there, if the last of them is the
// time or the event: `-F comm,tid,time,event,addr`. An event with "store" in its name is a store.
// Samples without an address (0) and comments are passed over.
std::unique_ptr<AccessStream> read_perf_script(ReadBytes read, std::string name);

}  // namespace ft::sim::tlb
