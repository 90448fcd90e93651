"""fragment.py MEBIBYTES: holds one page in each 2 MiB of so much memory, until its standard input ends.

What lies between is free again, but in no block of 2 MiB."""

import mmap
import sys

HUGE = 2 << 20
size = int(sys.argv[1]) << 20
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_NOHUGEPAGE)
for at in range(0, size, 4096):
    memory[at] = 1
for start in range(0, size, HUGE):
    # Two pages in each: wherever blocks begin, one of them is in the way.
    memory.madvise(mmap.MADV_DONTNEED, start + 4096, HUGE // 2 - 4096)
    memory.madvise(mmap.MADV_DONTNEED, start + HUGE // 2 + 4096, HUGE // 2 - 4096)
print("ready", flush=True)
sys.stdin.read()
