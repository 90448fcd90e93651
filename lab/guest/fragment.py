"""fragment.py: takes memory page by page until no free block is as large as a huge page, gives back
all but one page in 16, and holds those until its standard input ends.

What is held is locked: with vm.compact_unevictable_allowed at 0 compaction cannot move it."""

import ctypes
import mmap
import sys

PAGE = 4096
KEPT = 16 * PAGE
CHUNK = 8 << 20
LEAST_FREE = 64 << 20  # less, and the guest itself cannot go on

libc = ctypes.CDLL(None, use_errno=True)


def large_blocks():
    """Free blocks of 2 MiB and more, but for the zone that is kept for old devices."""
    count = 0
    with open("/proc/buddyinfo", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[3] != "DMA":
                count += sum(int(word) for word in words[4 + 9:])
    return count


def available():
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return 0


chunks = []
while large_blocks() > 0 and available() > LEAST_FREE:
    memory = mmap.mmap(-1, CHUNK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for at in range(0, CHUNK, PAGE):
        memory[at] = 1
    chunks.append(memory)
locked = 0
for memory in chunks:
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for at in range(0, CHUNK, KEPT):
        memory.madvise(mmap.MADV_DONTNEED, at + PAGE, KEPT - PAGE)
        locked += libc.mlock(ctypes.c_void_p(address + at), PAGE) == 0
print(f"ready: {len(chunks) * CHUNK >> 20} MiB taken, {locked} pages held, "
      f"{large_blocks()} large blocks free", flush=True)
sys.stdin.read()
