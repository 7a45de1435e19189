"""Many machines: a local cluster of two workers, one of which is killed in the middle; every item is there exactly once."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deixis.benchmarks import baselines, runner, workers
from deixis.benchmarks.sets import Job
from deixis.browser.errors import SetupError, UsageError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two workers of one processor each, and a head that does no work."""
    pytest.importorskip("ray", reason="extra deixis[ray]")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    made.workers = [made.add_node(num_cpus=1), made.add_node(num_cpus=1)]
    made.wait_for_nodes()
    yield made
    made.shutdown()


def grounding(folder: Path, count: int) -> Path:
    rows = []
    for n in range(count):
        Image.new("RGB", (40, 30), f"#0000{n:02x}").save(folder / f"{n}.png")
        rows.append(
            {
                "id": str(n),
                "image": f"{n}.png",
                "width": 40,
                "height": 30,
                "instruction": f"{n}",
                "box": [0, 0, 20, 30],
                "kind": "k",
                "family": "f",
            }
        )
    path = folder / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_worker_is_killed_in_the_middle(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, marks = grounding(tmp_path, 24), tmp_path / "marks"
    marks.mkdir()

    def there(job: Job, model: str | None, threads: int) -> list[Any]:
        (marks / f"{job.items[0].id}-{os.getpid()}").touch()
        if job.items[0].id == "11" and not (marks / "killed").exists():
            (marks / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return runner.tried(job, baselines.load(model, threads))

    monkeypatch.setattr(runner, "_answer_there", there)
    monkeypatch.chdir(tmp_path)  # workers stand elsewhere, and find the pictures all the same
    summary = runner.bench(path.relative_to(tmp_path), "random", out=tmp_path / "out", cluster=cluster.address)
    ids = [json.loads(line)["id"] for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert sorted(ids, key=int) == [str(n) for n in range(24)], "each exactly once"
    assert (marks / "killed").exists() and len(list(marks.glob("11-*"))) == 2, "the item was begun twice"
    assert len({mark.name.partition("-")[2] for mark in marks.glob("*-*")}) >= 2, "by two workers or more"
    alone = runner.bench(path, "random", out=tmp_path / "alone")
    assert (summary["n"], summary["rate"]) == (24, alone["rate"])


def test_a_machine_is_lost_in_the_middle(cluster: Any) -> None:
    def double(n: int) -> int:
        return 2 * n

    found = workers.on_cluster(list(range(40)), double, cluster.address)
    first = [next(found) for _ in range(5)]
    cluster.remove_node(cluster.workers.pop(), allow_graceful=False)
    assert sorted([*first, *found]) == [2 * n for n in range(40)]


def test_what_a_job_raises_is_raised_here(cluster: Any) -> None:
    def fails(n: int) -> int:
        raise UsageError("no such thing")

    with pytest.raises(UsageError, match="no such thing"):
        list(workers.on_cluster([1], fails, cluster.address))


def test_without_ray_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SetupError, match=r"deixis\[ray\]"):
        list(workers.spread([1], str, cluster="auto"))


def test_an_address_where_nobody_listens() -> None:
    pytest.importorskip("ray", reason="extra deixis[ray]")
    with pytest.raises(SetupError, match="no Ray cluster answers at '127.0.0.1:9'"):
        list(workers.spread([1], str, cluster="127.0.0.1:9"))
