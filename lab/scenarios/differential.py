"""Does the model kernel do what this kernel does, operation by operation?"""

import re

TOTALS = re.compile(r"^programs (\d+) operations (\d+) mismatches (\d+)$", re.MULTILINE)
SKIPPED = re.compile(r"^skipped (\d+)$", re.MULTILINE)
MISMATCH = re.compile(r"^seed \d+ program \d+ operation \d+: (.*)$", re.MULTILINE)


def judge(evidence, checks):
    said = evidence.text("differential")
    totals = TOTALS.search(said)
    if not checks.that("the comparison runs to its end", totals,
                       evidence.errors_of("differential") or said[-300:]):
        return
    programs, operations, mismatches = map(int, totals.groups())
    skipped = int(SKIPPED.search(said)[1])
    kinds = sorted(set(MISMATCH.findall(said)) - {""})
    checks.that("kernel and model never differ", mismatches == 0,
                f"{mismatches} programs of {programs}: {'; '.join(kinds)[:400]}")
    checks.that("programs were really compared", operations > programs * 10, said[-200:])
    checks.that("few programs had to be skipped", skipped * 10 <= programs, f"{skipped} skipped")
    checks.figure(f"{operations:,} operations, {mismatches} mismatches, {skipped} skipped")
