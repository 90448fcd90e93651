"""with_policy.py MODE MASK COMMAND...: runs a command under a memory policy that numactl does not know."""

import ctypes
import os
import sys

SET_MEMPOLICY = 238  # x86-64
mode, mask = int(sys.argv[1]), ctypes.c_ulong(int(sys.argv[2], 0))
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(SET_MEMPOLICY, mode, ctypes.byref(mask), ctypes.c_ulong(64)) != 0:
    sys.exit(f"set_mempolicy: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[3], sys.argv[3:])
