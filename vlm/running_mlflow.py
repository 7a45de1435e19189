"""Experiments, runs and models with random names, for `applications`: `python running_mlflow.py` writes `runs.db`.

Run in an environment that need not have deixis; its words are in `words.json` beside it.
"""

import json
import re
from pathlib import Path
from random import Random

import mlflow

WORDS: dict[str, list[str]] = json.loads(Path("words.json").read_text())
rng = Random(WORDS["labels"][0] + WORDS["titles"][0])


def some(kind: str) -> str:
    return rng.choice(WORDS[kind])


def name(kind: str) -> str:
    return re.sub(r"[^\w ]+", " ", some(kind)).strip() or "x"


mlflow.set_tracking_uri("sqlite:///runs.db")
client = mlflow.MlflowClient()
for _ in range(4):
    experiment = client.create_experiment(f"{name('titles')} {rng.randint(1, 999)}")
    for _ in range(rng.randint(2, 8)):
        run = client.create_run(experiment, run_name=name("titles"))
        for _ in range(rng.randint(1, 5)):
            client.log_param(run.info.run_id, f"{name('fields')} {rng.randint(1, 99)}", some("values"))
        for _ in range(rng.randint(1, 4)):
            metric = name("fields")
            for step in range(rng.choice([1, 6])):
                client.log_metric(run.info.run_id, metric, rng.random(), step=step)
        client.set_tag(run.info.run_id, name("fields"), some("values"))
        client.set_terminated(run.info.run_id, rng.choice(["FINISHED", "FINISHED", "FAILED", "KILLED"]))
for _ in range(rng.randint(3, 9)):
    client.create_registered_model(f"{name('titles')} {rng.randint(1, 9999)}", description=some("sentences"))
