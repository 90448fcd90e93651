"""Is memory told apart rightly where counting it is hard, of a running JVM and of a recorded one?"""

from evidence import parse_numa_maps, parse_smaps
from scenarios.sound import judge_sound

MIB = 1 << 20
# What the flags of lab/guest/attribution.sh fix: the heap whole, the others at least.
HEAP = 64 * MIB
TOUCHED = 32 * MIB
CODE_CACHE = 32 * MIB
CLASS_SPACE = 64 * MIB
PLACES = ("plain", "nodes", "cgroup", "swapped", "namespace", "large")
EXPECTED = ("Java heap", "Code cache", "Metaspace", "Class space", "Libraries", "C heap")


def judge(evidence, checks):
    for place in PLACES:
        judge_running(evidence, checks, place)
        judge_recorded(evidence, checks, place)
    swapped = evidence.json("swapped.map")["total"]["swap_bytes"]
    checks.that("swapped: a good part of the running JVM is in swap", swapped > 8 * MIB, swapped)
    heap = subsystems(evidence.json("large.map"))["Java heap"]
    # The JVM does not touch memory of a pool beforehand: there is what the program wrote to.
    checks.that("large: the running JVM's heap is in huge pages, as far as it was touched",
                heap["huge_bytes"] == heap["resident_bytes"] >= TOUCHED, heap)
    heap = subsystems(evidence.json("nodes.map"))["Java heap"]["nodes"]
    checks.that("nodes: the running JVM's heap is on both nodes alike",
                len(heap) == 2 and min(heap.values()) * 2 >= HEAP * 0.95, heap)


def subsystems(shown):
    return {row["name"]: row for row in shown["subsystems"]}


def names_are_right(checks, name, rows, resident_key):
    for wanted in EXPECTED:
        checks.that(f"{name}: {wanted} is told", wanted in rows, sorted(rows))
    checks.equal(f"{name}: the heap is as large as -Xmx says", rows["Java heap"]["reserved_bytes"],
                 HEAP)
    checks.within(f"{name}: the code cache is as large as its flag says, with its maps",
                  rows["Code cache"]["reserved_bytes"], CODE_CACHE, CODE_CACHE * 9 // 8)
    checks.within(f"{name}: so is the class space", rows["Class space"]["reserved_bytes"],
                  CLASS_SPACE, CLASS_SPACE)
    whole = sum(row[resident_key] or 0 for row in rows.values())
    unknown = (rows.get("Unknown") or {}).get(resident_key) or 0
    checks.that(f"{name}: hardly anything has no name", unknown <= whole // 50,
                f"{unknown} of {whole}")


def judge_running(evidence, checks, place):
    shown = evidence.json(f"{place}.map")
    name = f"{place}, running"
    wrong = [line for line in shown["reconcile"] if not line["agrees"]]
    checks.that(f"{name}: the sums are the kernel's", shown["reconcile"] and not wrong, wrong)
    rows = subsystems(shown)
    names_are_right(checks, name, rows, "resident_bytes")
    total = shown["total"]
    areas = parse_smaps(evidence.text(f"{place}.smaps"))
    # The JVM waits, but its threads wake up now and then; swapped pages come back.
    drift = 2 * MIB
    for key, counters in (("resident_bytes", ("Rss", "Private_Hugetlb", "Shared_Hugetlb")),
                          ("swap_bytes", ("Swap",))):
        kernel = sum(area.get(counter, 0) for area in areas for counter in counters)
        checks.near(f"{name}: {key} by smaps", total[key], kernel, 0, drift)
        checks.equal(f"{name}: {key} of the subsystems are the whole's",
                     sum(row[key] or 0 for row in rows.values()), total[key])
    nodes = {}
    for area in parse_numa_maps(evidence.text(f"{place}.numa_maps")):
        for node, size in area.bytes_by_node().items():
            nodes[node] = nodes.get(node, 0) + size
    for node, size in nodes.items():
        checks.near(f"{name}: bytes on node {node} by numa_maps",
                    total["nodes"].get(str(node), 0), size, 0,
                    drift + (total["mapped_again_bytes"] or 0))


def judge_recorded(evidence, checks, place):
    name = f"{place}, recorded"
    checks.equal(f"{name}: record ends with the JVM's status",
                 evidence.status(f"{place}.recorded"), 0)
    report = judge_sound(evidence, checks, place)
    uncertain = [line["what"] for line in report["reconcile"] if line["agrees"] is None]
    if uncertain:
        checks.figure(f"{name}: not comparable: {', '.join(uncertain)}")
        swapped = evidence.change(f"{place}.recorded.before", f"{place}.recorded.after")["pswpout"]
        checks.that(f"{name}: only where memory was swapped", swapped > 0, swapped)
    names_are_right(checks, name, subsystems(report), "resident_end_bytes")
