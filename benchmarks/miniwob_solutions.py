"""All scripted solutions of MiniWoB++'s tasks, by task."""

from deixis.benchmarks import miniwob_apps, miniwob_click, miniwob_forms, miniwob_shapes

SOLUTIONS = miniwob_click.SOLUTIONS
__all__ = ["SOLUTIONS", "miniwob_apps", "miniwob_forms", "miniwob_shapes"]
