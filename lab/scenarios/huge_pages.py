"""Are huge pages counted as what they are, foreseen, and not missed where RSS misses them?"""

from scenarios.sound import judge_sound

MIB = 1 << 20
HUGE = 2 * MIB


def judge(evidence, checks):
    judge_pool(evidence, checks, "hugetlb-2m", HUGE, 64 << 20)
    if evidence.has("hugetlb-1g.ft"):
        judge_pool(evidence, checks, "hugetlb-1g", 1 << 30, 1 << 30)
    else:
        checks.skip("a pool of 1 GiB: not reserved at this boot")
    if evidence.has("fragmented.ft"):
        judge_fragmented(evidence, checks)
    if evidence.has("never.ft"):
        judge_transparent(evidence, checks)
    else:
        checks.skip("transparent huge pages: not in this kernel")


def blocks(evidence, name, order):
    rows = evidence.rows(f"{name}.ft", "select count(*) as n from page_alloc where migratetype = 1 "
                         f"and context <> 'other' and order_ = {order}")
    return rows[0]["n"]


def sound(evidence, checks, name):
    checks.equal(f"{name}: record ends with the JVM's status", evidence.status(name), 0)
    return judge_sound(evidence, checks, name, may_lose=name.startswith("fragmented"))


def in_smaps(evidence, name, key):
    rows = evidence.rows(f"{name}.ft", "select value from snapshot where source = 'smaps' and "
                         f"moment = 'end' and value like '{key}:%'")
    return sum(int(row["value"].split()[1]) * 1024 for row in rows)


def judge_transparent(evidence, checks):
    for name in ("never", "always", "madvise", "advised", "mthp"):
        if not evidence.has(f"{name}.ft"):
            checks.skip("pages of other sizes: come with Linux 6.8")
            continue
        sound(evidence, checks, name)
        huge = evidence.ask("report", evidence.path(f"{name}.ft"))["faults"]["huge"]
        made = evidence.change(f"{name}.before", f"{name}.after")["thp_fault_alloc"]
        recorded = blocks(evidence, name, 9)
        checks.that(f"{name}: no more huge faults are recorded than the kernel made",
                    recorded <= made, f"{recorded} recorded, {made} made")
        if name in ("never", "madvise", "mthp"):
            checks.equal(f"{name}: no huge page", recorded, 0)
        else:
            checks.that(f"{name}: the heap is in huge pages", recorded >= 30, f"{recorded}")
            mapped = in_smaps(evidence, name, "AnonHugePages")
            checks.that(f"{name}: what smaps shows huge was recorded as huge",
                        mapped <= recorded * HUGE, f"{mapped >> 20} MiB, {recorded} faults")
        checks.figure(f"{name}: {recorded} of order 9 recorded ({huge} huge faults), {made} made")
    judge_bloat(evidence, checks)
    predict(evidence, checks, "always", ["--set", "thp=always"])
    predict(evidence, checks, "advised",
            ["--set", "thp=madvise", "--jvm", "-XX:+UseTransparentHugePages"])
    if evidence.has("mthp.ft"):
        predict(evidence, checks, "mthp", ["--set", "thp=madvise", "--set", "thp.64kB=always"], 4)


def by_subsystem(evidence, name):
    """subsystem -> bytes in memory at the end"""
    rows = evidence.ask("report", evidence.path(f"{name}.ft"))["subsystems"]
    return {row["name"]: row["resident_end_bytes"] or 0 for row in rows}


def judge_bloat(evidence, checks):
    """What huge pages hold that nobody wrote to, by subsystem: by two starts, and foreseen from one."""
    for name in ("sparse-never", "sparse-always"):
        sound(evidence, checks, name)
    small, huge = (by_subsystem(evidence, f"sparse-{name}") for name in ("never", "always"))
    answer = evidence.ask("replay", evidence.path("sparse-never.ft"), "--set", "thp=always")
    for part in answer["subsystems"]:
        name, told = part["name"], part["predicted"]
        real = huge.get(name, 0) - small.get(name, 0)
        bloat = told["bloat_bytes"] - part["recorded"]["bloat_bytes"]
        if max(abs(real), bloat) < MIB:
            continue
        # Two starts do not touch quite the same pages.
        checks.near(f"bloat of {name}, predicted and real", bloat, real, 0.1, MIB)
        checks.figure(f"bloat of {name}: predicted {bloat >> 10:,} KiB, {real >> 10:,} KiB real")
    whole = sum(part["predicted"]["bloat_bytes"] for part in answer["subsystems"])
    checks.that("a heap that is not touched beforehand bloats", whole > MIB, whole)


def predict(evidence, checks, name, change, order=9, base="never"):
    answer = evidence.ask("replay", evidence.path(f"{base}.ft"), *change)
    figures = answer["figures"]
    found = figures.get(f"order_{order}")
    if not checks.that(f"{name}: blocks of order {order} are predicted", found, sorted(figures)):
        return
    real = blocks(evidence, name, order)
    # Threads of a start run in another order each time, and with them lie a few blocks elsewhere.
    checks.near(f"{name}: blocks of order {order}, predicted and real", found["predicted"], real,
                0.04, 2)


def judge_pool(evidence, checks, name, page, least):
    if not evidence.has(f"{name}.ft"):
        checks.that(f"{name} was recorded", False, "no recording")
        return
    sound(evidence, checks, name)
    pooled = in_smaps(evidence, name, "Private_Hugetlb") + in_smaps(evidence, name,
                                                                    "Shared_Hugetlb")
    checks.that(f"{name}: the heap is in the pool", pooled >= least, f"{pooled >> 20} MiB")
    shown = evidence.ask("map", evidence.path(f"{name}.ft"))
    heap = next(part for part in shown["subsystems"] if part["name"] == "Java heap")
    checks.that(f"{name}: map counts the pool's pages, which RSS does not",
                (heap["resident_bytes"] or 0) >= least, heap["resident_bytes"])
    checks.that(f"{name}: and as huge", (heap["huge_bytes"] or 0) >= least, heap["huge_bytes"])
    memory = evidence.ask("report", evidence.path(f"{name}.ft"))["memory"]
    checks.near(f"{name}: report counts it beside VmRSS", memory["resident_end_bytes"],
                memory["vm_rss_bytes"] + pooled, 0.01, MIB)
    faults = evidence.rows(f"{name}.ft", "select count(*) as n from fault where subsystem = "
                           "'Java heap'")[0]["n"]
    checks.within(f"{name}: one fault for each page of the heap", faults, 1,
                  2 * (least // page) + 8)
    checks.figure(f"{name}: {pooled >> 20} MiB in the pool, {faults} faults on the heap")


def judge_fragmented(evidence, checks):
    sound(evidence, checks, "fragmented")
    sound(evidence, checks, "fragmented-never")
    change = evidence.change("fragmented.before", "fragmented.after")
    recorded = blocks(evidence, "fragmented", 9)
    checks.that("fragmented: huge pages were refused", change["thp_fault_fallback"] > 0,
                f"{change['thp_fault_fallback']} refused, {evidence.text('fragmented.held').strip()}")
    checks.that("fragmented: no more are recorded than were had",
                recorded <= change["thp_fault_alloc"], f"{recorded}, {change['thp_fault_alloc']}")
    small = blocks(evidence, "fragmented", 0)
    whole = blocks(evidence, "always", 0) if evidence.has("always.ft") else 0
    checks.that("fragmented: small pages took their place", small > whole,
                f"{small} of order 0, {whole} unfragmented")
    checks.figure(f"fragmented: {recorded} huge faults, {change['thp_fault_fallback']} refused")
    # From a start in the same memory without huge pages, with the free lists as they were then. The
    # key about memory has the answer take frames from there.
    memory = ["--set", "thp=always", "--set", "thp.defrag=never"]
    predict(evidence, checks, "fragmented", memory, base="fragmented-never")
    figures = evidence.ask("replay", evidence.path("fragmented-never.ft"), *memory)["figures"]
    refused = figures["blocks_refused"]["predicted"]
    heap = 64 * MIB // HUGE
    # The kernel counts those of other processes too.
    checks.within("fragmented: every huge page of the heap is foreseen to be refused", refused,
                  heap - 2, change["thp_fault_fallback"])
