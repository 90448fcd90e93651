"""Is shortage of memory recorded as what it was, and foreseen?"""

import re

from scenarios.sound import judge_sound

KILLED = 137


def events(evidence, recording):
    rows = evidence.rows(recording, "select kind, count(*) as n, sum(dur) as ns from mm_event "
                         "group by kind")
    return {row["kind"]: (row["n"], row["ns"]) for row in rows}


def grown(evidence, name, counter):
    return evidence.change(f"{name}.before", f"{name}.after").get(counter, 0)


def stalled(text):
    """"some" and "full" of a file of pressure, in ns since boot."""
    return {word: int(total) * 1000
            for word, total in re.findall(r"^(some|full) .*total=(\d+)$", text, re.MULTILINE)}


def check_stalls(evidence, checks, name, report):
    """The report's waiting for memory lies between nothing and what the host counted around it."""
    before, after = (stalled(evidence.text(f"{name}.{end}")) for end in ("psi.before", "psi"))
    shown = report["pressure"]
    if not checks.that(f"{name}: the report shows how long tasks waited for memory", shown,
                       report["missing"]):
        return
    for word in ("some", "full"):
        most = after[word] - before[word]
        checks.that(f"{name}: '{word}' is what the kernel counted meanwhile",
                    0 < shown[f"{word}_ns"] <= most, f"{shown[f'{word}_ns']} of {most}")
    _, text, _ = evidence.run("report", evidence.path(f"{name}.ft"))
    checks.that(f"{name}: the page says so too", "Waiting for memory (PSI" in text)


KILL = re.compile(r"Killed process (\d+) \((\S+)\) .*anon-rss:(\d+)kB, file-rss:(\d+)kB, "
                  r"shmem-rss:(\d+)kB, .*pgtables:(\d+)kB oom_score_adj:(-?\d+)")


def check_kill(evidence, checks, name, why):
    """Whom the OOM killer picked, why and by what weight: the report against the kernel's log."""
    victims = evidence.ask("report", evidence.path(f"{name}.ft"))["waits"]["oom_victims"]
    if not checks.equal(f"{name}: the report names one victim", len(victims), 1):
        return
    victim = victims[0]
    log = evidence.text("oom.dmesg")
    kill = next((line for line in KILL.findall(log) if int(line[0]) == victim["pid"]), None)
    if not checks.that(f"{name}: the one of the kernel's log", kill, f"{victim}; {log[-300:]}"):
        return
    checks.that(f"{name}: by its name", victim["name"].endswith(kill[1]), victim)
    checks.that(f"{name}: and says what was short", why in victim["why"], victim["why"])
    if victim["weighed_bytes"] is None:
        checks.skip(f"{name}: what the victim weighed: another process asked for the memory")
        return
    # The log is written when the victim is dying already, and counts swap apart.
    weight = sum(int(size) for size in kill[2:6]) * 1024
    checks.near(f"{name}: its weight is that of the kernel's log", victim["weighed_bytes"], weight,
                0.05, 4 << 20)
    checks.equal(f"{name}: with its oom_score_adj", victim["oom_score_adj"], int(kill[6]))


def judge_edge(evidence, checks):
    plain = evidence.path("plain.ft")
    cases = []
    for file in sorted(evidence.folder.glob("edge-*.rc")):
        size = int(re.search(r"edge-(\d+)", file.name)[1])
        real = int(file.read_text())
        limits = evidence.ask("replay", plain, "--set", f"cgroup.limit={size}k", "--set",
                              "swap=0")["limits"]
        cases.append((size, real, limits["verdict"]))
        checks.that(f"limit {size} kB: the model says whether the start fits",
                    real == (KILLED if limits["verdict"] == "killed" else 0),
                    f"predicted {limits['verdict']}, ended with {real}")
        if limits["verdict"] == "killed":
            checks.equal(f"limit {size} kB: and whom the OOM killer picks",
                         limits["killed"][0]["name"], "java")
    checks.that("eight limits were tried", len(cases) == 8, cases)
    checks.that("both sides of the edge were there",
                {real for _, real, _ in cases} == {0, KILLED}, cases)
    checks.equal("a start under half of it is killed", evidence.status("killed"), KILLED)
    seen = events(evidence, "killed.ft")
    checks.that("the OOM kill is in the recording", any("oom" in kind for kind in seen), seen)
    check_kill(evidence, checks, "killed", "memory cgroup")
    checks.that("so is the group's reclaim before it", any("memcg" in kind for kind in seen), seen)
    killed = evidence.text("oom.dmesg")
    checks.that("the kernel killed java", "java" in killed, killed[-300:])
    for name, larger in (("two-24", "java"), ("two-192", "python3")):
        judge_choice(evidence, checks, name, larger)
    checks.figure(f"verdicts {', '.join(f'{size}k {real}' for size, real, _ in cases)}")


def judge_choice(evidence, checks, name, larger):
    """Of two processes in one group: is the one that goes first foreseen?"""
    limit = evidence.text(f"{name}.limit").strip()
    foreseen = [victim["name"] for victim in evidence.ask(
        "replay", evidence.path(f"{name}.ft"), "--set", f"cgroup.limit={limit}", "--set",
        "swap=0")["limits"]["killed"]]
    real = re.findall(r"Killed process \d+ \((\S+?)\)", evidence.text(f"{name}.killed"))
    checks.that(f"{name}: somebody is picked", real, evidence.errors_of(f"{name}-tight"))
    checks.equal(f"{name}: whom the OOM killer picks first is foreseen",
                 real[:1], [victim.rpartition("/")[2][:15] for victim in foreseen[:1]])
    checks.equal(f"{name}: it is the larger", real[:1], [larger])
    checks.figure(f"{name}: at {limit} the killer picked {', '.join(real) or 'nobody'}; foreseen "
                  f"{', '.join(foreseen) or 'nobody'}")


def judge_shortage(checks, name, report):
    """How much of the JVM's time each kind of shortage took, by subsystem."""
    waits = report["waits"]
    costs = {cost["subsystem"]: cost for cost in waits["shortage"]}
    for kind in ("memcg_reclaim", "direct_reclaim", "compaction"):
        checks.equal(f"{name}: {kind} by subsystem is the whole's",
                     sum(cost[f"{kind}_ns"] for cost in costs.values()), waits[kind]["total_ns"])
    checks.equal(f"{name}: major faults by subsystem are the whole's",
                 sum(cost["major_faults"] for cost in costs.values()), report["faults"]["major"])
    told = {part: cost["memcg_reclaim_ns"] + cost["direct_reclaim_ns"] + cost["compaction_ns"]
            for part, cost in costs.items()}
    whole = sum(told.values())
    checks.that(f"{name}: nearly all of the reclaim has a subsystem",
                told.get("", 0) <= whole * 0.2, told)
    checks.figure(f"{name}: time in reclaim " + ", ".join(
        f"{part or 'elsewhere'} {time * 100 // (whole or 1)} %" for part, time in told.items()
        if time))


def judge_swapped_pages(evidence, checks, name, report):
    """Whose pages went to swap: between what still is there and what the host wrote in all."""
    waits = report["waits"]
    out, back = waits["swap_out_pages"], waits["swap_ins"]
    if not checks.that(f"{name}: pages written to swap are told", out is not None,
                       report["missing"]):
        return
    written = grown(evidence, name, "pswpout") + grown(evidence, name, "swpout_zero")
    still = evidence.rows(f"{name}.ft", "select value from snapshot where moment = 'end' and "
                          "source = 'status' and key = 'VmSwap'")
    least = int(still[0]["value"]) // 4096 if still else 0
    checks.that(f"{name}: no fewer pages than are in swap at the end, no more than the host wrote",
                least <= out <= written, f"{least} <= {out} <= {written}")
    checks.that(f"{name}: some came back, each by a major fault",
                0 <= back <= report["faults"]["major"], f"{back}, {report['faults']['major']}")
    parts = waits["swapped"]
    checks.equal(f"{name}: by subsystem as many", sum(part["out_pages"] for part in parts), out)
    checks.figure(f"{name}: {out} of {written} pages written are the JVM's ("
                  + ", ".join(f"{part['name']} {part['out_pages']}" for part in parts)
                  + f"), {least} still out at the end, {back} came back")


def judge_swap(evidence, checks):
    for name in ("swapped", "high"):
        if not evidence.has(f"{name}.ft"):
            continue
        checks.equal(f"{name}: the start comes through", evidence.status(name), 0)
        report = judge_sound(evidence, checks, name, may_lose=True)
        check_stalls(evidence, checks, name, report)
        judge_shortage(checks, name, report)
        judge_swapped_pages(evidence, checks, name, report)
        seen = events(evidence, f"{name}.ft")
        reclaims = next((n for kind, (n, _) in seen.items() if "memcg" in kind), 0)
        checks.that(f"{name}: reclaim of its group is recorded", reclaims > 0, seen)
        checks.that(f"{name}: no direct reclaim is, which is another thing",
                    not any("direct" in kind for kind in seen), seen)
        swapped_in = grown(evidence, name, "pswpin")
        checks.that(f"{name}: memory was swapped out", grown(evidence, name, "pswpout") > 0)
        major = report["faults"]["major"]
        checks.that(f"{name}: reading back is major faults", swapped_in == 0 or major > 0,
                    f"{swapped_in} pages read back, {major} major faults")
        checks.figure(f"{name}: {reclaims} reclaims, {grown(evidence, name, 'pswpout')} pages "
                      f"out, {swapped_in} in, {major} major faults")
    if evidence.has("high.memory.events"):
        times = evidence.counts("high.memory.events")["high"]
        reclaims = next((n for kind, (n, _) in events(evidence, "high.ft").items()
                         if "memcg" in kind), 0)
        checks.that("memory.high was passed as often as reclaim is recorded, or nearly",
                    times > 0 and reclaims > 0, f"{times} events, {reclaims} recorded")
    limits = evidence.ask("replay", evidence.path("plain.ft"), "--set", "cgroup.limit=80M", "--set",
                          "swap=256M")["limits"]
    checks.that("the model foresees that it fits by swapping",
                limits["verdict"] == "reclaims" or "reclaim" in limits["verdict"], limits["verdict"])


def judge_node(evidence, checks):
    checks.equal("the start comes through", evidence.status("small-node"), 0)
    report = judge_sound(evidence, checks, "small-node", may_lose=True)
    check_stalls(evidence, checks, "small-node", report)
    judge_shortage(checks, "small-node", report)
    judge_swapped_pages(evidence, checks, "small-node", report)
    seen = events(evidence, "small-node.ft")
    direct = grown(evidence, "small-node", "allocstall_normal") + \
        grown(evidence, "small-node", "allocstall_movable") + \
        grown(evidence, "small-node", "allocstall_dma32")
    recorded = next((n for kind, (n, _) in seen.items() if "direct" in kind), 0)
    woken = next((n for kind, (n, _) in seen.items() if "kswapd" in kind), 0)
    checks.that("direct reclaim of the target is recorded where it happened",
                recorded > 0 or direct == 0, f"{recorded} recorded, {direct} on the host")
    checks.that("kswapd is seen being woken", woken > 0, seen)
    checks.figure(f"{recorded} direct reclaims recorded of {direct}, {woken} wake-ups of kswapd")


def judge_global(evidence, checks):
    checks.equal("the JVM is killed", evidence.status("global"), KILLED)
    seen = events(evidence, "global.ft")
    checks.that("the OOM kill is in the recording", any("oom" in kind for kind in seen), seen)
    checks.that("direct reclaim is", any("direct" in kind for kind in seen), seen)
    killed = evidence.text("oom.dmesg")
    checks.that("the kernel killed java", re.search(r"Killed process \d+ \(java\)", killed),
                killed[-300:])
    report = judge_sound(evidence, checks, "global", may_lose=True)
    check_stalls(evidence, checks, "global", report)
    check_kill(evidence, checks, "global", "host")
