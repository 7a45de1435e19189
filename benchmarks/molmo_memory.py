"""Memory that loading a Molmo takes, over the size of its weights: they are filled tensor by tensor, never held twice.

    python -m deixis.benchmarks.molmo_memory [--dim 1024] [--layers 16] [--dtype bfloat16]

Writes a checkpoint with random weights in shards, loads it in a fresh process, and prints the highest anonymous memory
of that process while it loads (pages of the file that the system maps are not counted: it can drop them at any time).
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import torch
import transformers

from deixis.benchmarks.molmo_speed import shape
from deixis.vlm import molmo_files


def anonymous() -> int:
    """Bytes of anonymous memory of this process (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def load(folder: Path, dtype: str) -> int:
    """Loads a checkpoint; the highest memory while it did, over what was in use before."""
    before, most, done = anonymous(), 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, anonymous())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    model = molmo_files.load(folder, dtype)
    done.set()
    watcher.join()
    assert model is not None
    return most - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--dtype", choices=list(molmo_files.DTYPES), default="bfloat16")
    parser.add_argument("--load", type=Path, help="only load this folder and print the bytes")
    args = parser.parse_args()
    if args.load:
        print(load(args.load, args.dtype))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made: Any = transformers.Molmo2ForConditionalGeneration(shape(args.dim, args.layers))
        made.to(molmo_files.DTYPES[args.dtype]).save_pretrained(folder, max_shard_size="100MB")
        size = sum(p.numel() for p in made.parameters()) * torch.finfo(molmo_files.DTYPES[args.dtype]).bits // 8
        del made
        command = [sys.executable, "-m", "deixis.benchmarks.molmo_memory", "--load", name, "--dtype", args.dtype]
        peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    print(
        f"weights {size / 1e6:.0f} MB in {args.dtype}, highest memory while loading {peak / 1e6:.0f} MB: {peak / size:.2f}x"
    )


if __name__ == "__main__":
    main()
