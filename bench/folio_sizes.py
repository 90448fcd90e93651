#!/usr/bin/env python3
"""folio_sizes.py PID: resident memory of a process by size of the folio, the way the kernel's own
tools/mm/thpmaps goes about it: a word of pagemap for each page of each mapping, flags of the frame
from kpageflags, runs of first and further pages. Without numpy, which thpmaps needs."""

import array
import sys

HEAD, TAIL = 1 << 15, 1 << 16
PRESENT, FRAME = 1 << 63, (1 << 55) - 1


def orders():
    """For each frame of the host the size of its folio, in pages."""
    flags = array.array("Q")
    with open("/proc/kpageflags", "rb", buffering=0) as file:
        while block := file.read(1 << 22):
            flags.frombytes(block)
    sizes = array.array("L", bytes(8 * len(flags)))
    at = 0
    while at < len(flags):
        end = at + 1
        if flags[at] & HEAD:
            while end < len(flags) and flags[end] & TAIL:
                end += 1
        for frame in range(at, end):
            sizes[frame] = end - at
        at = end
    return sizes


def main(pid):
    sizes, pages = orders(), {}
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        ranges = [line.split()[0].split("-") for line in maps]
    with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for start, end in ((int(a, 16), int(b, 16)) for a, b in ranges):
            if start >= 1 << 56:
                continue
            words = array.array("Q")
            pagemap.seek(start // 4096 * 8)
            words.frombytes(pagemap.read((end - start) // 4096 * 8))
            for word in words:
                if word & PRESENT:
                    size = sizes[word & FRAME]
                    pages[size] = pages.get(size, 0) + 1
    for size in sorted(pages):
        print(f"{size * 4} KiB: {pages[size] * 4} KiB")


main(int(sys.argv[1]))
