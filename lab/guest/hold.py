"""hold.py MIB FILE: writes to so much memory, makes the file, and holds on until it is ended."""

import mmap
import pathlib
import signal
import sys

memory = mmap.mmap(-1, int(sys.argv[1]) << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, len(memory), 4096):
    memory[at] = 1
pathlib.Path(sys.argv[2]).touch()
signal.pause()
