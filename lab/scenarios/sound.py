"""Is a recording whole, consistent, and true to the kernel's figures?

Times of an emulated machine mean nothing, nor do differences between two clocks there: what compares
times is told, never asserted.
"""


def judge_sound(evidence, checks, name, may_lose=False):
    """Judges the recording NAME.ft and returns its report. `may_lose`: under shortage of memory the
    recorder may not get what it asks for either; then it must say what it lost."""
    file = evidence.path(f"{name}.ft")
    report = evidence.ask("report", file)
    answer = evidence.ask("check", file)
    lines = report["reconcile"]
    times = [line["what"] for line in lines if line["unit"] == "ns"]
    excused = [found for found in answer["violations"] if is_about(found, times)]
    for found in excused:
        checks.figure(f"{name}: told, not asserted: {found['what']}")
    lost = report["loss"]["total"]
    if lost and may_lose:
        excused += [found for found in answer["violations"] if is_about(found, ["events lost"])]
        named = {kind: count for kind, count in report["loss"]["by_kind"].items() if count}
        checks.equal(f"{name}: what was lost is told by its kind", sum(named.values()), lost)
        checks.that(f"{name}: little was lost", lost <= answer["events"] // 1000 + 1, named)
        checks.figure(f"{name}: lost {named}")
    else:
        checks.equal(f"{name}: nothing lost", lost, 0)
    found = [violation["what"] for violation in answer["violations"] if violation not in excused]
    checks.that(f"{name}: check finds nothing wrong",
                sum(answer["counts"].values()) == len(excused), "; ".join(found)[:600])
    wrong = [line["what"] for line in lines if line["agrees"] is False and line["unit"] != "ns"
             and not (may_lose and line["what"] == "events lost")]
    checks.that(f"{name}: what can be compared agrees", lines and not wrong, wrong)
    return report


def is_about(violation, subjects):
    return violation["rule"] == "does not reconcile" and any(
        violation["what"].startswith(f"{subject}:") for subject in subjects)
