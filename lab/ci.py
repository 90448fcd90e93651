"""What a CI runs of the lab, and what it may be red for.

A CI's machine is another one, and busy: no network, no QEMU, a guest that is lost or too slow say
nothing about the tool. Red is only what two boots of a kernel agree on: the same check failed in both,
both came to their end, and neither was slow. All else is told, as passed or as skipped with the reason.
"""

import dataclasses
import signal
import time

import table
from kernels import FETCH_SECONDS, Unavailable

SECONDS = 300  # for all of it, downloads included
LEAST_SECONDS = 45  # in less no boot comes to its end
SLOW_SECONDS = 120  # a boot takes 15 to 35 s; from here on a failure may be one of waiting too briefly
BOOTS = 2  # of a kernel, at most


class TimeUp(BaseException):
    """The time for all is over. Not an Exception: whoever catches those is not to go on."""


class Clock:
    """The time that is left, and its end: TimeUp is raised wherever the main thread is then."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.end = time.monotonic() + seconds

    def left(self):
        return self.end - time.monotonic()

    def fetch_seconds(self):
        """A network that drops packets is not to eat the time of what needs none."""
        return max(5, min(FETCH_SECONDS, self.left() / 3))

    def need(self, seconds):
        if self.left() < seconds:
            raise Unavailable(f"no time left of the {self.seconds:.0f} s for all")

    def __enter__(self):
        def over(*_):
            raise TimeUp()
        signal.signal(signal.SIGALRM, over)
        # 0 would mean never.
        signal.setitimer(signal.ITIMER_REAL, max(self.seconds, 0.001))
        return self

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)


def run(lab, boot, clock, say):
    """The rows of `boot` on each of its kernels: second boots come when all have had their first."""
    rows = {(part.name, kernel): [] for kernel in boot.kernels for part in boot.parts}
    try:
        with clock:
            for number in range(BOOTS):
                for kernel in boot.kernels:
                    tries = [rows[part.name, kernel] for part in boot.parts]
                    if number and not worth_another(tries, clock):
                        continue
                    for own, row in zip(tries, lab.run(boot, kernel)):
                        own.append(row)
    except TimeUp:
        say(f"  the {clock.seconds:.0f} s for all are over")
    return [settled(boot, name, kernel, tries, say) for (name, kernel), tries in rows.items()]


def worth_another(tries, clock):
    """A part may pass at the second boot, and there is as much time as the first one took."""
    if not all(tries) or not any(own[-1].state == "FAIL" for own in tries):
        return False
    return clock.left() > max(LEAST_SECONDS, 1.2 * max(own[-1].seconds for own in tries))


def settled(boot, name, kernel, tries, say=lambda text: None):
    """The one row that the boots of a kernel come to for a part."""
    if not tries:
        return table.Row(boot.name, name, kernel, "skip", "no time left for its boot")
    booted = [row for row in tries if row.state != "skip"]
    if not booted:
        return tries[-1]
    tries, last = booted, booted[-1]
    good = next((row for row in tries if row.state == "pass"), None)
    if good:
        for row in tries:
            for text in blame(row):
                say(f"  {boot.name}@{kernel}: of one boot only: {name}: {text}")
        return good
    whole = [row for row in tries if not row.ended and row.seconds <= SLOW_SECONDS]
    again = set.intersection(*(set(blame(row)) for row in whole)) if len(whole) > 1 else set()
    if again:
        return dataclasses.replace(
            last, failures=[found for found in whole[-1].failures if found["what"] in again])
    return dataclasses.replace(last, state="skip", why=excuse(last, whole, tries))


def blame(row):
    """What failed of evidence that was collected whole."""
    return [] if row.ended else [failure["what"] for failure in row.failures]


def excuse(last, whole, tries):
    if last.ended:
        return f"{last.ended}{', as the boot before' if len(tries) > 1 and tries[0].ended else ''}"
    failed = "; ".join(blame(last))
    if last.seconds > SLOW_SECONDS:
        return f"too slow to tell, {last.seconds:.0f} s; failed: {failed}"
    if len(whole) > 1:
        return f"two boots failed in different ways: {'; '.join(blame(whole[0]))}, then {failed}"
    return f"failed in the one boot that can be judged, and not seen again: {failed}"
