// What a program does between two faults or calls, as far as the kernel notices: it runs other code
// and uses other memory, so that the kernel's own are not in the nearest caches any more.
#pragma once

namespace ft::calibrate {

// Some 60 µs of it, after which more makes little difference: reads, writes and runs single cache
// lines here and there in 4 MiB of data and 1 MiB of code. The memory is there after the first
// time. Takes no fault and makes no call that a recording sees.
void other_work();

}  // namespace ft::calibrate
