"""Tables of published sets: parquet files of a folder, or a name on the hub through the `datasets` package.

Both packages are optional (`deixis[bench]`) and asked for only when a table is to be read. A picture in a table is its
file's bytes. Knows no format.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from deixis.browser.errors import SetupError, UsageError

SPLIT = "test"


class Table(NamedTuple):
    """Rows with named columns."""

    name: str
    source: Any
    columns: tuple[str, ...]

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every row with where it stands."""
        number = 0
        for batch in self.source():
            for row in batch:
                yield f"{self.name}/{number}", row
                number += 1


def tables(folder: Path, hub: str, config: str = "") -> list[Table]:
    """The tables of a folder, or of a set on the hub; of one configuration where the set has several."""
    if hub:
        return [_from_hub(hub, config)]
    inside = [folder / config, folder / "data" / config] if config else [folder, folder / "data"]
    files = sorted(path for place in inside if place.is_dir() for path in place.glob("*.parquet"))
    return [_parquet(path, f"{config}/{path.stem}" if config else path.stem) for path in files]


def _parquet(path: Path, name: str) -> Table:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise SetupError(
            f"{str(path)!r} is a table and {error.name!r} is missing: pip install 'deixis[bench]'"
        ) from error
    try:
        file = parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise UsageError(f"{str(path)!r} is no table ({error})") from error

    def batches() -> Iterator[list[dict[str, Any]]]:
        for batch in file.iter_batches(batch_size=32):  # a picture in each row: never the whole table at once
            yield batch.to_pylist()

    return Table(name, batches, tuple(file.schema_arrow.names))


def from_hub(name: str, config: str, split: str, instead: str) -> Any:
    """A set on the hub; SetupError, saying what to do instead, when it cannot be read."""
    try:
        import datasets
    except ImportError as error:
        raise SetupError(
            f"{name!r} is read through {error.name!r}, which is missing: pip install 'deixis[bench]', or {instead}"
        ) from error
    try:
        return datasets.load_dataset(name, config or None, split=split)
    except (OSError, ValueError) as error:
        raise SetupError(f"{name!r} cannot be read from the hub ({error}): {instead}") from error


def _from_hub(hub: str, config: str) -> Table:
    found = from_hub(hub, config, SPLIT, "give a folder that it was downloaded to")
    from datasets import Image

    for column, feature in found.features.items():
        if isinstance(feature, Image):
            found = found.cast_column(column, Image(decode=False))
    return Table(config or SPLIT, lambda: ([row] for row in found), tuple(found.features))


def store(image: Any, folder: Path) -> Path:
    """Writes a picture out of a table under a name of its bytes; UsageError when the cell holds none."""
    data = image.get("bytes") if isinstance(image, dict) else image
    if not isinstance(data, bytes) or not data:
        raise UsageError("the cell holds no picture")
    ending = ".png" if data[:8] == b"\x89PNG\r\n\x1a\n" else ".jpg"
    path = folder / (hashlib.sha256(data).hexdigest()[:24] + ending)
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(data)
        part.replace(path)
    return path
