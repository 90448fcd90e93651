"""Does the recorder see everything on this kernel, and does it say what it cannot see?"""

import re
import subprocess

from scenarios.sound import judge_sound

# Where a tracepoint's arguments are not at the same place on every kernel, what the probes take them
# for: position in the prototype behind the context, and the C type that has to be there.
ARGUMENTS = {
    "mm_vmscan_direct_reclaim_begin": {0: "int"},
    "mm_vmscan_memcg_reclaim_begin": {0: "int"},
    "mm_vmscan_wakeup_kswapd": {0: "int", 1: "int", 2: "int"},
    "mm_page_alloc": {0: "page*", 1: "unsigned int", 3: "int"},
    # Later kernels leave out the path before it: the probe asks which it is.
    "mmap_lock_acquire_returned": {2: "bool", 3: "bool"},
    "tlb_flush": {0: "int", 1: "long unsigned int"},
    "mm_compaction_end": {4: "int"},
    "sched_process_exec": {0: "task_struct*", 1: "pid_t", 2: "linux_binprm*"},
}


def judge(evidence, checks):
    judge_recording(evidence, checks, "hello")
    judge_recording(evidence, checks, "pretouch")
    pretouched = evidence.rows("pretouch.ft", "select count(*) as n from fault "
                               "where subsystem = 'Java heap'")[0]["n"]
    thp = evidence.ask("report", evidence.path("pretouch.ft"))["faults"]["huge"]
    # 64 MiB: every page of it, or the huge pages that stand for 512 of them.
    checks.that("every page of a heap touched at the start is recorded",
                pretouched >= 16384 - 512 * thp, f"{pretouched} faults, {thp} huge")
    judge_doctor(evidence, checks)
    if evidence.has("btf"):
        judge_arguments(evidence, checks)


def judge_recording(evidence, checks, name):
    checks.equal(f"{name}: record ends with the JVM's status", evidence.status(name), 0)
    checks.that(f"{name}: the JVM said hello", "Hello World" in evidence.text(name),
                evidence.errors_of(name))
    report = judge_sound(evidence, checks, name)
    checks.equal(f"{name}: recorded with bpf", report["backend"], "bpf")
    unsure = [line["what"] for line in report["reconcile"] if line["agrees"] is None]
    checks.that(f"{name}: everything can be compared", not unsure, unsure)
    faults = report["faults"]
    checks.that(f"{name}: faults were seen with their latency",
                faults["count"] > 2000 and faults["p50_ns"] > 0, faults)
    checks.figure(f"{name}: {faults['count']:,} faults")
    checks.that(f"{name}: the start was told apart by phases",
                any("init" in phase["name"].lower() or "vm" in phase["name"].lower()
                    for phase in report["time"]["phases"]), report["time"]["phases"])


def judge_doctor(evidence, checks):
    doctor = evidence.json("doctor")
    checks.equal("doctor would take bpf", doctor["backend"], "bpf")
    lacking = absent_tracepoints(doctor)
    recorded = missing_notes(evidence, "hello.ft")
    for tracepoint in lacking:
        checks.that(f"the recording says that {tracepoint} is not there",
                    any(tracepoint in note for note in recorded), recorded)
    for note in recorded:
        checks.that("doctor knows of what the recording lacks",
                    any(tracepoint in note for tracepoint in lacking), f"{note}; {lacking}")
    checks.figure("lacks " + ", ".join(lacking) if lacking else "no tracepoint is missing")


def absent_tracepoints(doctor):
    why = [line["why"] for line in doctor["capabilities"] if line["name"] == "Memory tracepoints"]
    match = re.search(r"not in BTF: ([\w, ]+)", why[0] if why else "")
    return match[1].split(", ") if match else []


def missing_notes(evidence, recording):
    rows = evidence.rows(recording, "select key, value from meta")
    return [str(row["value"]) for row in rows if "no such tracepoint" in str(row["value"])]


def judge_arguments(evidence, checks):
    """The kernel's own types of the tracepoints' arguments, against what the probes assume."""
    prototypes = prototypes_of(evidence.path("btf"))
    for tracepoint, wanted in ARGUMENTS.items():
        have = prototypes.get(tracepoint)
        if have is None:
            continue
        for position, kind in wanted.items():
            checks.equal(f"argument {position} of {tracepoint}",
                         have[position] if position < len(have) else "not there", kind)


def prototypes_of(btf):
    """tracepoint -> types of its arguments, without the first, which is the tracer's own."""
    done = subprocess.run(["bpftool", "btf", "dump", "file", str(btf)], capture_output=True,
                          text=True, check=True)
    return prototypes_in(done.stdout)


def prototypes_in(dump):
    types, order, current = {}, [], None
    for line in dump.splitlines():
        head = re.match(r"^\[(\d+)\] (\w+) '([^']*)'(?:.*?type_id=(\d+))?", line)
        if head:
            current = int(head[1])
            types[current] = (head[2], head[3], int(head[4] or 0), [])
            order.append(current)
            continue
        parameter = re.match(r"^\t'[^']*' type_id=(\d+)", line)
        if parameter and current is not None:
            types[current][3].append(int(parameter[1]))

    def name(number):
        kind, text, target, _ = types.get(number, ("", "void", 0, []))
        if kind == "PTR":
            return name(target) + "*"
        if kind in ("CONST", "VOLATILE"):
            return name(target)
        return text

    found = {}
    for number in order:
        kind, text, target, _ = types[number]
        if kind != "TYPEDEF" or not text.startswith("btf_trace_"):
            continue
        function = types.get(types.get(target, ("", "", 0, []))[2])
        if function:
            found[text.removeprefix("btf_trace_")] = [name(p) for p in function[3][1:]]
    return found
