"""Is memory shown, and predicted, on the node where it is?"""

import re

from evidence import parse_numa_maps

HEAP = "Java heap"
HEAP_BYTES = 64 << 20
PAGE = 4096
# What a process faults in, between two looks at it.
DRIFT = 64 * PAGE


def judge(evidence, checks):
    nodes = nodes_of(evidence)
    checks.that("the machine has the nodes", len(nodes) >= 2, evidence.text("hardware"))
    for name in ("local", "interleave", "bind"):
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


def heap_in_recording(evidence, recording):
    """node -> bytes of the heap at the end, by the kernel's own numa_maps in the recording."""
    file = evidence.path(recording)
    rows = evidence.rows(recording, "select value from snapshot where source = 'numa_maps' "
                         "and moment = 'end'")
    areas = parse_numa_maps("\n".join(row["value"] for row in rows))
    found = {}
    for start, end in regions_of(evidence.ask("map", file)):
        for node, size in pages_in(areas, start, end).items():
            found[node] = found.get(node, 0) + size
    return found


def judge_recorded_placement(evidence, checks, nodes):
    even = HEAP_BYTES // len(nodes)
    expected = {"local": {0: HEAP_BYTES}, "bind": {1: HEAP_BYTES},
                "interleave": {node: even for node in nodes}}
    for name, wanted in expected.items():
        checks.equal(f"{name}: the recorded heap lies where the policy puts it",
                     heap_in_recording(evidence, f"{name}.ft"), wanted)


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
                                ("interleave-huge", "interleave", "--set", "thp=always"),
                                ("weighted-recorded", "weighted:" +
                                 ",".join(["3"] + ["1"] * (len(nodes) - 1)))):
        if not evidence.has(f"{name}.ft"):
            continue
        predicted, answer = predicted_heap(evidence, machine, policy, *more)
        if name in ("interleave", "bind"):  # in others little else than the heap is foreseen
            judge_predicted_counters(evidence, checks, name, answer, nodes)
        real = heap_in_recording(evidence, f"{name}.ft")
        checks.equal(f"{name}: predicted bytes of the heap by node are the real ones",
                     {node: size for node, size in predicted.items() if size}, real)


def judge_predicted_counters(evidence, checks, name, answer, nodes):
    """What the model says the counters grow by. The kernel counts the whole machine, so only more."""
    real = counters(evidence, name, nodes)
    for node in answer["nodes"]:
        number = node["node"]
        for counter in ("numa_hit", "interleave_hit", "other_node"):
            want = node.get(counter) or 0
            have = real[number][counter]
            checks.that(f"{name}: {counter} of node {number} grew at least as predicted",
                        have >= want * 0.95, f"{have}, predicted {want}")
    checks.figure(f"{name}: numa_hit predicted " + ", ".join(
        f"{node['numa_hit']} of {real[node['node']]['numa_hit']}" for node in answer["nodes"]))


# ---- counters ----

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
    heap_kernel = {}
    for region in shown["regions"]:
        if region["subsystem"] != HEAP or not region.get("nodes"):
            continue
        for node, size in pages_in(areas, int(region["start"], 16), int(region["end"], 16)).items():
            heap_kernel[node] = heap_kernel.get(node, 0) + size
    heap = placed(shown)
    checks.that(f"{name}: map knows the heap's nodes", sum(heap.values()) >= HEAP_BYTES // 2, heap)
    checks.figure(f"{name}: heap {by_share(heap)}")


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
