"""Is memory shown, and predicted, on the node where it is?"""

import re

from evidence import parse_numa_maps, parse_smaps

HEAP = "Java heap"
HEAP_BYTES = 64 << 20
PAGE = 4096
# What a process faults in, between two looks at it.
DRIFT = 64 * PAGE


def judge(evidence, checks):
    nodes = nodes_of(evidence)
    checks.that("the machine has the nodes", len(nodes) >= 2, evidence.text("hardware"))
    for name in ("local", "interleave", "bind", "preferred-recorded"):
        checks.equal(f"{name}: record ends with the JVM's status", evidence.status(name), 0)
    judge_recorded_placement(evidence, checks, nodes)
    judge_predictions(evidence, checks, nodes)
    judge_counters(evidence, checks, nodes)
    for file in sorted(evidence.folder.glob("*.numa_maps")):
        judge_live(evidence, checks, file.name.removesuffix(".numa_maps"))
    judge_preferred(evidence, checks)
    judge_collectors(evidence, checks, len(nodes))


def nodes_of(evidence):
    """node -> bytes"""
    found = {}
    for file in sorted(evidence.folder.glob("node*.meminfo")):
        total = re.search(r"MemTotal:\s+(\d+) kB", file.read_text())
        found[int(file.name[4:].split(".")[0])] = int(total[1]) * 1024
    return found


# ---- recorded ----

def placed(shown, subsystem=HEAP):
    """node -> bytes that `map` tells of a subsystem of a running process."""
    for entry in shown["subsystems"]:
        if entry["name"] == subsystem:
            return {int(node): size for node, size in entry.get("nodes", {}).items()}
    return {}


def regions_of(shown, subsystem=HEAP):
    return [(int(region["start"], 16), int(region["end"], 16)) for region in shown["regions"]
            if region["subsystem"] == subsystem]


def numa_maps_in(evidence, recording):
    rows = evidence.rows(recording, "select value from snapshot where source = 'numa_maps' "
                         "and moment = 'end'")
    return parse_numa_maps("\n".join(row["value"] for row in rows))


def heap_in_recording(evidence, recording):
    """node -> bytes of the heap at the end, by the kernel's own numa_maps in the recording."""
    areas = numa_maps_in(evidence, recording)
    found = {}
    for start, end in regions_of(evidence.ask("map", evidence.path(recording))):
        for node, size in pages_in(areas, start, end).items():
            found[node] = found.get(node, 0) + size
    return found


def judge_recorded_placement(evidence, checks, nodes):
    even = HEAP_BYTES // len(nodes)
    expected = {"local": {0: HEAP_BYTES}, "bind": {1: HEAP_BYTES},
                "preferred-recorded": {1: HEAP_BYTES},
                "interleave": {node: even for node in nodes}}
    for name, wanted in expected.items():
        checks.equal(f"{name}: the recorded heap lies where the policy puts it",
                     heap_in_recording(evidence, f"{name}.ft"), wanted)
        rows = evidence.ask("report", evidence.path(f"{name}.ft"))["subsystems"]
        shown = {row["name"]: {int(node): size for node, size in row["nodes"].items()}
                 for row in rows if row["nodes"]}
        checks.equal(f"{name}: report shows it there", shown.get(HEAP), wanted)
        whole = {}
        for part in shown.values():
            for node, size in part.items():
                whole[node] = whole.get(node, 0) + size
        checks.equal(f"{name}: and all subsystems together where numa_maps has the process",
                     whole, pages_in(numa_maps_in(evidence, f"{name}.ft"), 0, 1 << 64))


# ---- predicted ----

def machine_file(evidence, nodes):
    """The guest, as a machine of the model; node and processor have the same number in quick runs."""
    lines = ['name = "guest"', 'source = "its meminfo"']
    cpus = cpus_of(evidence)
    for node, size in nodes.items():
        lines += ["[[node]]", f"memory = {size >> 22 << 22}", f'cpus = "{cpus.get(node, "")}"']
    lines += ["[tlb]", 'core = "zen4"']  # of no account here, but no machine is without one
    file = evidence.folder / "guest.toml"
    file.write_text("\n".join(lines) + "\n")
    return file


def cpus_of(evidence):
    found = re.findall(r"^node (\d+) cpus:((?: \d+)*)", evidence.text("hardware"), re.MULTILINE)
    return {int(node): ",".join(cpus.split()) for node, cpus in found}


def predicted_heap(evidence, machine, policy, *more):
    answer = evidence.ask("replay", evidence.path("local.ft"), "--machine", machine,
                          "--set", f"numa.policy={policy}", *more)
    for part in answer["subsystems"]:
        if part["name"] == HEAP:
            return dict(enumerate(part["predicted"]["node_bytes"])), answer
    return {}, answer


def pages_in(areas, start, end):
    """node -> bytes, of areas of numa_maps that begin in [start, end)."""
    total = {}
    for area in areas:
        if start <= area.start < end:
            for node, size in area.bytes_by_node().items():
                total[node] = total.get(node, 0) + size
    return total


def judge_predictions(evidence, checks, nodes):
    machine = machine_file(evidence, nodes)
    for name, policy, *more in (("interleave", "interleave"), ("bind", "bind:1"),
                                ("preferred-recorded", "preferred:1"),
                                ("interleave-huge", "interleave", "--set", "thp=always"),
                                ("weighted-recorded", "weighted:" +
                                 ",".join(["3"] + ["1"] * (len(nodes) - 1)))):
        if not evidence.has(f"{name}.ft"):
            continue
        predicted, answer = predicted_heap(evidence, machine, policy, *more)
        if name in ("interleave", "bind", "preferred-recorded"):  # in others little else than the heap is foreseen
            judge_predicted_counters(evidence, checks, name, answer, nodes)
        real = heap_in_recording(evidence, f"{name}.ft")
        checks.equal(f"{name}: predicted bytes of the heap by node are the real ones",
                     {node: size for node, size in predicted.items() if size}, real)


def judge_predicted_counters(evidence, checks, name, answer, nodes):
    """What the model says the counters grow by. The kernel counts the whole machine, so only more."""
    real = counters(evidence, name, nodes)
    for node in answer["nodes"]:
        number = node["node"]
        for counter in COUNTERS:
            want = node.get(counter) or 0
            have = real[number][counter]
            # Page cache for the recorder and what it runs comes on top, wherever it runs.
            checks.within(f"{name}: {counter} of node {number} grew as predicted, with others' share",
                          have, want * 0.95, want + OTHERS_PAGES * (counter not in FAILING))
    checks.figure(f"{name}: numa_hit predicted " + ", ".join(
        f"{node['numa_hit']} of {real[node['node']]['numa_hit']}" for node in answer["nodes"]))


# ---- counters ----

# What the recorder, the shell and the page cache take beside the JVM, in pages.
OTHERS_PAGES = 12000
# Grow only where a node is full, which none is here.
FAILING = ("numa_miss", "numa_foreign")
COUNTERS = ("numa_hit", "numa_miss", "numa_foreign", "interleave_hit", "local_node", "other_node")


def counters(evidence, name, nodes):
    """node -> counter -> how much it grew"""
    return {node: evidence.change(f"{name}.before.node{node}", f"{name}.after.node{node}")
            for node in nodes}


def judge_counters(evidence, checks, nodes):
    heap = HEAP_BYTES // PAGE
    share = heap // len(nodes)
    local = counters(evidence, "local", nodes)
    checks.that("all six counters of a node are there",
                all(name in local[0] for name in COUNTERS), local)
    checks.that("local: the heap is hits of the first node", local[0]["numa_hit"] >= heap, local)
    spread = counters(evidence, "interleave", nodes)
    for node in nodes:
        checks.that(f"interleave: node {node} has its share of interleave_hit",
                    spread[node]["interleave_hit"] >= share, spread[node])
    bound = counters(evidence, "bind", nodes)
    checks.that("bind: the heap is hits of the second node", bound[1]["numa_hit"] >= heap, bound)
    checks.that("bind: asked for by processors of the other node", bound[1]["other_node"] >= heap,
                bound)


# ---- running processes ----

def judge_live(evidence, checks, name):
    shown = evidence.json(f"{name}.map")
    areas = parse_numa_maps(evidence.text(f"{name}.numa_maps"))
    kernel = pages_in(areas, 0, 1 << 64)
    total = {int(node): size for node, size in shown["total"].get("nodes", {}).items()}
    again = shown["total"].get("mapped_again_bytes") or 0
    for node, size in kernel.items():
        checks.near(f"{name}: map's bytes on node {node} are those of numa_maps",
                    total.get(node, 0), size, 0, DRIFT + again)
    for subsystem, wanted in by_subsystem(evidence, name, shown["regions"], areas).items():
        have = placed(shown, subsystem)
        for node in sorted({*wanted, *have}):
            checks.near(f"{name}: map's bytes of {subsystem} on node {node} are those of numa_maps",
                        have.get(node, 0), wanted.get(node, 0), 0, DRIFT + again)
    heap = placed(shown)
    checks.that(f"{name}: map knows the heap's nodes", sum(heap.values()) >= HEAP_BYTES // 2, heap)
    checks.figure(f"{name}: heap {by_share(heap)}")


def by_subsystem(evidence, name, regions, areas):
    """subsystem -> node -> bytes by numa_maps, of subsystems that share no area with another one."""
    ends = {area["start"]: area["end"] for area in parse_smaps(evidence.text(f"{name}.smaps"))}
    spans = [(int(region["start"], 16), int(region["end"], 16), region["subsystem"])
             for region in regions]
    found, mixed = {}, set()
    for area in areas:
        end = ends.get(area.start, area.start + 1)
        owners = {owner for low, high, owner in spans if low < end and area.start < high}
        if len(owners) != 1:
            mixed |= owners
            continue
        nodes = found.setdefault(owners.pop(), {})
        for node, size in area.bytes_by_node().items():
            nodes[node] = nodes.get(node, 0) + size
    return {owner: nodes for owner, nodes in found.items() if owner not in mixed}


def by_share(heap):
    whole = sum(heap.values()) or 1
    return " ".join(f"N{node} {size * 100 // whole} %" for node, size in sorted(heap.items()))


def share_on(evidence, name, node):
    heap = placed(evidence.json(f"{name}.map"))
    return heap.get(node, 0) / (sum(heap.values()) or 1)


def judge_preferred(evidence, checks):
    checks.that("preferred: the policy is read as one word or two",
                any(re.match(r"prefer( \(many\))?:1", area.policy) for area in
                    parse_numa_maps(evidence.text("preferred.numa_maps"))))
    checks.within("preferred: the heap is on node 1", share_on(evidence, "preferred", 1), 0.99, 1)


def judge_collectors(evidence, checks, nodes):
    even = 1 / nodes
    if evidence.has("g1-interleave.map"):
        for node in range(nodes):
            checks.within(f"G1 interleaved: node {node}",
                          share_on(evidence, "g1-interleave", node), even * 0.95, even * 1.05)
    if evidence.has("z-bind.map"):
        checks.within("ZGC bound to node 1", share_on(evidence, "z-bind", 1), 0.99, 1)
    for name in ("parallel-numa", "g1-numa"):
        if evidence.has(f"{name}.map"):
            for node in range(nodes):
                checks.within(f"{name}: node {node} holds a part of the heap",
                              share_on(evidence, name, node), even * 0.5, even * 1.6)
    if evidence.has("weighted.map"):
        for node in range(nodes):
            share = (3 if node == 0 else 1) / (nodes + 2)
            checks.within(f"weighted interleave, 3 to 1: node {node}",
                          share_on(evidence, "weighted", node), share - 0.01, share + 0.01)
    elif evidence.has("default.map"):
        checks.skip("weighted interleave: comes with Linux 6.9")
