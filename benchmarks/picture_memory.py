"""How much memory reading one picture takes at its peak, by kind of file.

python benchmarks/picture_memory.py [--megapixels 64]

Each picture is read in a process of its own. What its decoder keeps counts, too: a progressive JPEG's
coefficients, for example. For Linux, where a process can forget its peak.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Tuple

from PIL import Image

from spacy_mner.images.reading import ORIENTATION, read_rgb

TURNED = Image.Exif()
TURNED[ORIENTATION] = 6
# Suffix, mode and options of the writer.
KINDS: Dict[str, Tuple[str, str, Dict[str, Any]]] = {
    "JPEG": (".jpg", "RGB", {}),
    "JPEG, turned by the camera": (".jpg", "RGB", {"exif": TURNED}),
    "JPEG, progressive": (".jpg", "RGB", {"progressive": True}),
    "PNG": (".png", "RGB", {}),
    "PNG, grey": (".png", "L", {}),
    "PNG, transparent": (".png", "RGBA", {}),
    "PNG, grey and transparent": (".png", "LA", {}),
    "PNG, 16 bits": (".png", "I;16", {}),
    "TIFF, floats": (".tif", "F", {}),
}


def measure(kind: str, megapixels: float) -> float:
    """Read a picture of a kind in another process.

    kind (str): One of `KINDS`.
    megapixels (float): Its size.
    RETURNS (float): Bytes per pixel by which the process grew.
    """
    suffix, mode, options = KINDS[kind]
    side = int((megapixels * 1e6) ** 0.5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"picture{suffix}"
        Image.new(mode, (side, side)).save(path, **options)
        command = [sys.executable, __file__, "--read", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout) / side**2


def read(path: Path) -> int:
    """RETURNS (int): Bytes by which this process grew at most while it read a picture."""
    with tempfile.TemporaryDirectory() as folder:  # what is imported at first use
        small = Path(folder) / f"small{path.suffix}"
        Image.new("RGB", (8, 8)).save(small)
        read_rgb(small)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what is in use now
    before = peak()
    read_rgb(path)
    return peak() - before


def peak() -> int:
    """RETURNS (int): Bytes of memory that this process held at most."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, default=64.0, help="size of each picture")
    parser.add_argument("--read", type=Path, help="read this picture here, and print the bytes")
    arguments = parser.parse_args()
    if arguments.read is not None:
        print(read(arguments.read))
        return
    print("| picture | bytes per pixel | at this size |\n|---|---|---|")
    for kind in KINDS:
        per_pixel = measure(kind, arguments.megapixels)
        megabytes = per_pixel * arguments.megapixels
        print(f"| {kind} | {per_pixel:.1f} | {megabytes:.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
