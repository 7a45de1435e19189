"""Agents that act from what they see: `from deixis.agent import Agent`. Importing this loads nothing heavy."""

from deixis.agent.api import Agent, Run, load_pointer, point, point_many
from deixis.agent.look import LookError, look
from deixis.agent.loop import Limits
from deixis.agent.planner import InstructionPlanner
from deixis.agent.state import Episode, Outcome, Step

__all__ = [
    "Agent",
    "Episode",
    "InstructionPlanner",
    "Limits",
    "LookError",
    "Outcome",
    "Run",
    "Step",
    "load_pointer",
    "look",
    "point",
    "point_many",
]
