"""The boots, in the order they run and stand in the table."""

from guest import Machine
from scenarios import (ALL_KERNELS, Boot, Part, attribution, differential, huge_pages, latency, numa,
                       pressure, recorder)

TWO_NODES = Machine(nodes=(640, 640), distances=((0, 1, 21),), disk=256)
FOUR_NODES = Machine(nodes=(384, 384, 384, 384), cpus=4,
                     distances=((0, 1, 21), (0, 2, 31), (0, 3, 31), (1, 2, 31), (1, 3, 31),
                                (2, 3, 21)))
DISK = Machine(disk=256)


def compared(setting="plain", programs=25, seed=1):
    return Part("differential", "differential.sh", differential.judge,
                {"LAB_PROGRAMS": programs, "LAB_SEED": seed, "LAB_SETTING": setting})


def placed(extent):
    return Part("numa", "numa.sh", numa.judge, {"LAB_NUMA": extent})


def pressed(name, judge, cgroup=2, swap="none", disk="/dev/vda"):
    return Part("pressure", "pressure.sh", judge,
                {"LAB_PRESSURE": name, "LAB_CGROUP": cgroup, "LAB_SWAP": swap,
                 "LAB_SWAP_DISK": disk})


RECORDER = Part("recorder", "recorder.sh", recorder.judge)

BOOTS = (
    Boot("quick", "a JVM recorded; the model compared; two nodes",
         (RECORDER, compared(programs=20), placed("quick")), TWO_NODES, timeout=600, quick=True),
    Boot("recorder", "a JVM recorded", (RECORDER,), Machine(), ("6.1-rt",), timeout=600),
    Boot("differential", "the model compared, settings as they come", (compared(),), DISK,
         ALL_KERNELS, timeout=1800),
    Boot("thp-always", "the model compared with huge pages everywhere", (compared("thp-always"),),
         DISK, timeout=1800, not_on={"6.1-rt": "no huge pages in this kernel"}),
    Boot("mthp", "the model compared with pages of 16, 64 and 1024 KiB", (compared("mthp"),), DISK,
         ("6.12",), timeout=1800, not_on={"6.1": "comes with 6.8", "6.1-rt": "comes with 6.8"}),
    Boot("hugetlb", "the model compared beside a pool of huge pages", (compared("hugetlb"),), DISK,
         timeout=1800),
    Boot("la57", "the model compared with page tables of 5 levels", (compared(),),
         Machine(disk=256, bzimage=True), timeout=1800),
    Boot("overcommit-1", "the model compared, everything granted", (compared("overcommit-1"),),
         DISK, timeout=1800),
    Boot("overcommit-2", "the model compared, nothing granted beyond the limit",
         (compared("overcommit-2"),), DISK, timeout=1800),
    Boot("low-map-count", "the model compared with 64 areas at most", (compared("low-map-count"),),
         DISK, timeout=1800),
    Boot("numa2", "policies and collectors on two nodes", (placed("full"),), TWO_NODES,
         timeout=1200),
    Boot("numa4", "the same on four", (placed("full"),), FOUR_NODES, timeout=1500),
    Boot("edge", "limits around what a start needs, no swap",
         (pressed("edge", pressure.judge_edge),), timeout=1500),
    Boot("edge-v1", "the same in cgroups of version 1",
         (pressed("edge", pressure.judge_edge, cgroup=1),), Machine(cgroup=1), ("6.1",),
         timeout=1500, not_on={"6.12": "this kernel has version 2 only"}),
    Boot("swap", "a limit and memory.high, with a swap disk",
         (pressed("swap", pressure.judge_swap, swap="disk"),), Machine(swap=512), timeout=1500),
    Boot("zram", "the same with swap in compressed memory",
         (pressed("swap", pressure.judge_swap, swap="zram"),), timeout=1500),
    Boot("swap-v1", "a limit in a cgroup of version 1, with a swap disk",
         (pressed("swap", pressure.judge_swap, cgroup=1, swap="disk"),),
         Machine(swap=512, cgroup=1), ("6.1",), timeout=1500,
         not_on={"6.12": "this kernel has version 2 only"}),
    Boot("small-node", "bound to a node that is too small, with a swap disk",
         (pressed("node", pressure.judge_node, swap="disk"),),
         Machine(nodes=(768, 224), swap=512), timeout=1500),
    Boot("out-of-memory", "a heap that leaves nothing of the machine, no swap",
         (pressed("global", pressure.judge_global),), Machine(memory=640), timeout=1500),
    Boot("huge-pages", "pools, transparent pages of all settings, fragmented memory",
         (Part("huge-pages", "huge_pages.sh", huge_pages.judge),),
         Machine(memory=2560, command_line="hugepagesz=1G hugepages=1"), ALL_KERNELS, timeout=1800),
    Boot("attribution", "whose memory, where counting is hard: swap, nodes, large pages, cgroup, "
         "PID namespace",
         (Part("attribution", "attribution.sh", attribution.judge, {"LAB_SWAP_DISK": "/dev/vda"}),),
         Machine(nodes=(640, 640), distances=((0, 1, 21),), swap=512), timeout=1800),
    Boot("latency", "the interval of a fault against a kprobe's",
         # One processor: QEMU's emulation may trip over code that another one is changing.
         (Part("latency", "latency.sh", latency.judge),), Machine(cpus=1), ALL_KERNELS,
         timeout=900),
)

# What a CI has time for, on each kernel. In no table: what it shows, `quick` shows as well.
CI = Boot("ci", "a JVM recorded; the model compared", (RECORDER, compared(programs=10)), DISK,
          timeout=140)
