"""Stock Debian kernels for the guests: fetched by package name, unpacked into an untracked cache.

Of each package the kernel image and the few modules a guest needs are kept. Kernels listed in KERNELS
by a short name; the package is whatever the metapackage depends on today, so that it is still there
when Debian has replaced it.
"""

import dataclasses
import fnmatch
import lzma
import pathlib
import re
import shlex
import shutil
import subprocess

# Short name -> Debian's metapackage.
KERNELS = {
    "6.1": "linux-image-amd64",
    "6.12": "linux-image-6.12-amd64",
    "6.1-rt": "linux-image-rt-amd64",
}

# In the order they are loaded. Those a kernel has built in, or does not know, are left out.
MODULES = (
    "virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk "
    "netfs fscache 9pnet 9pnet_virtio 9p "
    "crc32c_generic libcrc32c crc16 mbcache jbd2 ext4 "
    "lz4_compress lz4hc_compress zsmalloc zram"
).split()

FETCH_SECONDS = 120  # 110 MB at most; a network that drops packets would hold us for ever

XZ_MAGIC = b"\xfd7zXZ\x00"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ELF_MAGIC = b"\x7fELF"


class Unavailable(Exception):
    """A kernel or tool that is not to be had here; the message says why."""


@dataclasses.dataclass(frozen=True)
class Kernel:
    """An unpacked kernel in the cache."""

    name: str  # "6.12"
    release: str  # "6.12.117+deb12-amd64"
    folder: pathlib.Path

    @property
    def bzimage(self):
        return self.folder / "vmlinuz"

    @property
    def vmlinux(self):
        return self.folder / "vmlinux"

    @property
    def modules(self):
        return self.folder / "modules"


def dependency(text):
    """The package in the output of `apt-cache depends METAPACKAGE`, or None."""
    match = re.search(r"Depends: (linux-image-\d\S+)", text)
    return match[1] if match else None


def resolve(metapackage):
    """The package that Debian's metapackage stands for today; None where apt does not know it."""
    if not shutil.which("apt-cache"):
        return None
    done = subprocess.run(["apt-cache", "depends", metapackage], capture_output=True, text=True,
                          check=False)
    return dependency(done.stdout) if done.returncode == 0 else None


def unpack_image(image):
    """The ELF image inside a bzImage: what a PVH boot starts, sparing the guest the unpacking."""
    for at in offsets(image, XZ_MAGIC):
        try:
            plain = lzma.LZMADecompressor(format=lzma.FORMAT_XZ).decompress(image[at:])
        except lzma.LZMAError:
            continue
        if plain.startswith(ELF_MAGIC):
            return plain
    for at in offsets(image, ZSTD_MAGIC):
        # What follows the stream is the rest of the image, which zstd complains about at the end.
        plain = subprocess.run(["zstd", "-dcq"], input=image[at:], capture_output=True,
                               check=False).stdout
        if plain.startswith(ELF_MAGIC):
            return plain
    raise Unavailable("no compressed ELF image was found in the kernel image")


def offsets(data, magic):
    at = data.find(magic)
    while at >= 0:
        yield at
        at = data.find(magic, at + 1)


def run(command, seconds, **options):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds,
                              **options)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{shlex.join(command)}: no end after {seconds:.0f} s") from error
    except OSError as error:
        raise Unavailable(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(f"{shlex.join(command)}: {said[-1] if said else done.returncode}")


def unpack_package(archive, into):
    """Image and modules of a kernel package, modules decompressed and all in one folder."""
    listing = into / "tree"
    shutil.rmtree(into, ignore_errors=True)
    listing.mkdir(parents=True)
    wanted = ["./boot/vmlinuz-*"] + [f"*/{name}.ko*" for name in MODULES]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)],
                          stdout=subprocess.PIPE) as source:
        # tar complains about patterns that match nothing: built-in modules.
        subprocess.run(["tar", "-x", "-C", str(listing), "--wildcards", *wanted],
                       stdin=source.stdout, stderr=subprocess.DEVNULL, check=False)
        source.stdout.close()
    images = list((listing / "boot").glob("vmlinuz-*")) if (listing / "boot").is_dir() else []
    if not images:
        raise Unavailable(f"{archive.name} holds no kernel image")
    modules = into / "modules"
    modules.mkdir()
    for path in listing.rglob("*.ko*"):
        if fnmatch.fnmatch(path.name, "*.ko.xz"):
            (modules / path.name[:-3]).write_bytes(lzma.decompress(path.read_bytes()))
        else:
            shutil.copy(path, modules / path.name)
    if not (modules / "9p.ko").exists():
        raise Unavailable(f"{archive.name} holds no module 9p: guests could mount nothing")
    image = images[0].read_bytes()
    (into / "vmlinuz").write_bytes(image)
    (into / "vmlinux").write_bytes(unpack_image(image))
    # Last: without it the folder counts as half made.
    (into / "release").write_text(images[0].name.removeprefix("vmlinuz-"))
    shutil.rmtree(listing)


def cached(name, cache):
    folder = cache / name
    release = folder / "release"
    return Kernel(name, release.read_text(), folder) if release.exists() else None


def prepare(name, cache, progress=lambda text: None, seconds=FETCH_SECONDS):
    """The named kernel, fetched in `seconds` unless it is in the cache. Raises Unavailable."""
    package = resolve(KERNELS[name])
    have = cached(name, cache)
    if have and (package is None or package == f"linux-image-{have.release}"):
        return have
    if package is None:
        raise Unavailable(f"apt knows no {KERNELS[name]} (apt-get update?)")
    progress(f"fetching {package}")
    downloads = cache / "packages"
    downloads.mkdir(parents=True, exist_ok=True)
    try:
        run(["apt-get", "-q", "-o", "Acquire::http::Timeout=20", "download", package], seconds,
            cwd=downloads)
    except Unavailable:
        if have:  # an older one of the same series serves as well
            return have
        raise
    archive = max(downloads.glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
    unpack_package(archive, cache / name)
    archive.unlink()
    return cached(name, cache)
