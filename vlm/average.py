"""The mean of several weights of one run: `python -m deixis.vlm.average A.safetensors B.safetensors --out C.safetensors`.

Decoders of different steps of a training err in different places; the mean of their weights is better than each of them
(LOG.md has figures). Only weights that grew out of one another can be averaged: it knows nothing of where they come from.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from deixis.browser.errors import DeixisError, UsageError
from deixis.vlm import checkpoint


def average(files: Sequence[Path], out: Path, shares: Sequence[float] = ()) -> None:
    """Writes the mean, with the last one's settings; UsageError for weights of different shapes.

    shares: what each counts, all the same without.
    """
    if not files or (shares and (len(shares) != len(files) or sum(shares) <= 0 or min(shares) < 0)):
        raise UsageError("give weights to average, and as many shares, which are not negative, or none")
    models = [checkpoint.load(file) for file in files]
    weigh = [share / sum(shares) for share in shares] if shares else [1 / len(files)] * len(files)
    states, last = [model.state_dict() for model in models], models[-1]
    for file, state in zip(files, states, strict=True):
        if {name: value.shape for name, value in state.items()} != {
            name: value.shape for name, value in states[-1].items()
        }:
            raise UsageError(f"{str(file)!r} is of another shape than {str(files[-1])!r}")
    mean = {
        name: sum((share * state[name] for share, state in zip(weigh, states, strict=True)), 0 * value)
        for name, value in states[-1].items()
    }
    last.load_state_dict(mean)
    checkpoint.save(last, last.config, out)


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shares", type=float, nargs="+", default=[], help="what each counts; without it all the same")
    args = parser.parse_args(arguments)
    try:
        average(args.weights, args.out, args.shares)
    except DeixisError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
