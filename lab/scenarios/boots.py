"""The boots, in the order they run and stand in the table."""

from guest import Machine
from scenarios import ALL_KERNELS, Boot, Part, recorder

RECORDER = Part("recorder", "recorder.sh", recorder.judge)

BOOTS = (
    Boot("recorder", "a JVM recorded", (RECORDER,), Machine(), ALL_KERNELS, timeout=600),
)
