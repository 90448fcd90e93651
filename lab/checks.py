"""What a scenario found: a list of named verdicts that read like sentences.

A check that fails makes its scenario fail. A deviation is a difference that is known, has been looked
at, and is listed with its size in docs/lab.md; it does not fail.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Verdict:
    what: str
    ok: bool
    detail: str = ""


class Checks:
    def __init__(self):
        self.verdicts = []
        self.deviations = []
        self.figures = []  # worth a line in the table, such as "6,534 faults"
        self.skipped = []  # parts that this kernel cannot show, with the reason

    def that(self, what, condition, detail=""):
        self.verdicts.append(Verdict(what, bool(condition), str(detail)))
        return bool(condition)

    def equal(self, what, have, want):
        return self.that(what, have == want, f"is {have}, not {want}")

    def within(self, what, have, low, high):
        return self.that(what, low <= have <= high, f"is {have}, not in {low} to {high}")

    def near(self, what, have, want, share, floor=0):
        """Equal but for `share` of `want`, or `floor` where that is more."""
        allowed = max(abs(want) * share, floor)
        return self.that(what, abs(have - want) <= allowed, f"is {have}, not {want} +- {allowed:g}")

    def deviation(self, text):
        self.deviations.append(text)

    def figure(self, text):
        self.figures.append(text)

    def skip(self, text):
        self.skipped.append(text)

    @property
    def failures(self):
        return [verdict for verdict in self.verdicts if not verdict.ok]
