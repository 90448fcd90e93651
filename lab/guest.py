"""One guest: a stock kernel under QEMU's emulation, the host's / as its read-only root.

The guest runs one script of lab/guest/ and leaves raw evidence in a folder; what it shows is for the
host to judge (lab/scenarios/). A boot ends in an Outcome, whatever happens in it: a guest that
panics, hangs or runs out of time is an outcome, not an exception, and its console is kept.
"""

import contextlib
import dataclasses
import enum
import fcntl
import pathlib
import platform
import re
import shlex
import shutil
import subprocess
import time

from kernels import MODULES, Unavailable

LAB = pathlib.Path(__file__).resolve().parent

# The guest writes 16 to its exit port, QEMU makes 2 * 16 + 1 of it.
EXIT_BY_PORT = 33
TROUBLE = re.compile(r"Kernel panic|BUG:|Oops|soft lockup|hard LOCKUP|rcu: INFO|detected stall"
                     r"|blocked for more than")


@dataclasses.dataclass(frozen=True)
class Machine:
    """What the guest runs on. Sizes are in MiB."""

    memory: int = 1024
    cpus: int = 2
    nodes: tuple = ()  # MiB of each node; processors are dealt out in turn. Empty: one node
    distances: tuple = ()  # (from, to, distance)
    command_line: str = ""  # added to the kernel's
    bzimage: bool = False  # boot through the decompressor, which is what turns 5 levels on
    disk: int = 0  # an ext4 disk, mounted on /mnt/disk
    swap: int = 0  # a raw disk for the script to swap on, /dev/vdb behind the first
    cgroup: int = 2
    one_thread: bool = False  # emulate the processors in turn: slower, but in step


class End(enum.Enum):
    """How a boot ended."""

    DONE = "done"
    PANIC = "the kernel panicked"
    TROUBLE = "the kernel complained"
    TIMEOUT = "it ran out of time"
    SCRIPT = "its script failed"
    LOST = "it went down without a result"


@dataclasses.dataclass(frozen=True)
class Outcome:
    end: End
    detail: str
    seconds: float
    out: pathlib.Path  # raw evidence
    console: pathlib.Path

    @property
    def ok(self):
        return self.end is End.DONE


def need_tools():
    missing = [tool for tool in ("qemu-system-x86_64", "busybox", "cpio", "xz", "zstd", "mke2fs")
               if not shutil.which(tool) and not pathlib.Path("/sbin", tool).exists()]
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)} (./dev packages lab)")
    if platform.machine() != "x86_64":
        raise Unavailable(f"the guests are x86-64, this is {platform.machine()}")
    known = subprocess.run(["qemu-system-x86_64", "-device", "help"], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, check=False)
    if known.returncode != 0:
        raise Unavailable(f"QEMU does not run: {(known.stderr.strip() or 'no message')[-200:]}")
    if "virtio-9p-pci" not in known.stdout:
        raise Unavailable("this QEMU shares no folders: it was built without virtio-9p")


def build_initrd(kernel, target):
    """busybox, the kernel's modules and lab/guest/init as an uncompressed cpio archive."""
    tree = target.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "bin").mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), tree / "bin/busybox")
    shutil.copytree(kernel.modules, tree / "modules")
    have = [name for name in MODULES if (kernel.modules / f"{name}.ko").exists()]
    (tree / "order").write_text("\n".join(have) + "\n")
    shutil.copy(LAB / "guest/init", tree / "init")
    (tree / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    with target.open("wb") as archive:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=tree,
                       input=names.encode(), stdout=archive, check=True)
    shutil.rmtree(tree)


def make_disks(machine, job):
    """The raw disks of the machine, as QEMU's arguments."""
    arguments = []
    for name, size in (("disk", machine.disk), ("swap", machine.swap)):
        if not size:
            continue
        image = job / f"{name}.raw"
        with image.open("wb") as file:
            file.truncate(size << 20)
        if name == "disk":
            mke2fs = shutil.which("mke2fs") or "/sbin/mke2fs"
            subprocess.run([mke2fs, "-q", "-F", "-t", "ext4", "-b", "4096", "-E", "lazy_itable_init=0",
                            str(image)], check=True)
        arguments += ["-drive", f"file={image},if=virtio,format=raw,cache=unsafe"]
    return arguments


def topology(machine):
    """QEMU's arguments for memory, processors and nodes; every node comes before any distance."""
    total = sum(machine.nodes) or machine.memory
    arguments = ["-m", f"{total}M", "-smp", str(machine.cpus)]
    for node, size in enumerate(machine.nodes):
        owned = range(node, machine.cpus, len(machine.nodes))
        arguments += ["-object", f"memory-backend-ram,id=m{node},size={size}M",
                      "-numa", ",".join([f"node,nodeid={node},memdev=m{node}"] +
                                        [f"cpus={cpu}" for cpu in owned])]
    for one, other, distance in machine.distances:
        arguments += ["-numa", f"dist,src={one},dst={other},val={distance}"]
    return arguments


def qemu_command(kernel, machine, initrd, job, console):
    words = ["console=ttyS0", "panic=-1", "softlockup_panic=1", "watchdog_thresh=60",
             "rcupdate.rcu_cpu_stall_timeout=120", "loglevel=5", "tsc=reliable",
             "clocksource=tsc",
             # A host that is busy while the guest tests its timer looks like a broken one.
             "no_timer_check", f"lab.cgroup={machine.cgroup}", f"lab.repo={LAB.parent}",
             machine.command_line]
    threads = "single" if machine.one_thread else "multi"
    return (["qemu-system-x86_64", "-machine", "pc", "-accel", f"tcg,thread={threads}", "-cpu", "max",
             "-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{console}",
             "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
             "-device", "virtio-rng-pci"] +
            topology(machine) + make_disks(machine, job) +
            ["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,"
             "multidevs=remap",
             "-virtfs", f"local,path={job},mount_tag=job,security_model=none,multidevs=remap",
             "-kernel", str(kernel.bzimage if machine.bzimage else kernel.vmlinux),
             "-initrd", str(initrd), "-append", " ".join(word for word in words if word)])


def boot(kernel, machine, environment, folder, timeout):
    """Runs the scripts named in LAB_PARTS in a guest; all of the run is in `folder`, made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    job = folder / "job"
    (job / "out").mkdir(parents=True)
    initrd = folder / "initrd.cpio"
    console = folder / "console"
    build_initrd(kernel, initrd)
    settings = {"LAB_KERNEL": kernel.name, "LAB_DISK": int(machine.disk > 0), **environment}
    (job / "settings").write_text(
        "".join(f"export {key}={shlex.quote(str(value))}\n" for key, value in settings.items()))
    command = qemu_command(kernel, machine, initrd, job, console)
    (folder / "command").write_text(shlex.join(command) + "\n")
    with (folder / "qemu.log").open("w") as log, one_at_a_time(folder.parent.parent), \
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as guest:
        began = time.monotonic()
        try:
            status = guest.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            stop(guest)
    seconds = time.monotonic() - began
    for image in (initrd, job / "disk.raw", job / "swap.raw"):
        image.unlink(missing_ok=True)
    (folder / "ended").write_text(f"{'' if status is None else status} {seconds:.1f}\n")
    return outcome_of(folder)


def outcome_of(folder):
    """The Outcome of the boot that left this folder. REQUIRES: it came to some end."""
    *status, seconds = read(folder / "ended").split(" ")
    end, detail = judge(int(status[0]) if status and status[0] else None, read(folder / "job/rc"),
                        read(folder / "console"), read(folder / "qemu.log"))
    if end is End.TIMEOUT:
        detail = f"no end after {float(seconds):.0f} s; the last lines of its console say where"
    return Outcome(end, detail, float(seconds), folder / "job/out", folder / "console")


@contextlib.contextmanager
def one_at_a_time(folder):
    """Two guests would only take each other's time."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def stop(guest):
    """Ends QEMU, and waits until it is gone: none is left running, whatever went wrong."""
    if guest.poll() is not None:
        return
    guest.terminate()
    try:
        guest.wait(10)
    except subprocess.TimeoutExpired:
        guest.kill()
        guest.wait()


def judge(status, script_status, console, said):
    """How a boot ended: from QEMU's exit status (None: timeout), the script's, and the console."""
    trouble = next((line for line in console.splitlines() if TROUBLE.search(line)), "")
    if "Kernel panic" in trouble or "Kernel panic" in console:
        line = next(line for line in console.splitlines() if "Kernel panic" in line)
        return End.PANIC, line.strip()
    if trouble:
        return End.TROUBLE, trouble.strip()
    if status is None:
        return End.TIMEOUT, "no end"
    if status != EXIT_BY_PORT or not script_status.strip():
        return End.LOST, said.strip().splitlines()[-1] if said.strip() else f"QEMU ended with {status}"
    if script_status.strip() != "0":
        return End.SCRIPT, f"exit status {script_status.strip()}, see job/log"
    return End.DONE, ""


def read(path):
    return path.read_text(errors="replace") if path.exists() else ""
