"""`deixis mcp` as another agent uses it: a real process, the official client, a real page."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

mcp = pytest.importorskip("mcp")
FORM = Path(__file__).parent / "data" / "pages" / "form.html"


def text_of(result: Any) -> str:
    return " ".join(part.text for part in result.content if part.type == "text")


async def work(out: Path, *options: str) -> dict[str, Any]:
    """Opens the form, fills it, reads the message, and tries what is not allowed."""
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    told: dict[str, Any] = {}
    arguments = ["-m", "deixis.agent.cli", "mcp", "--url", str(FORM), "--out", str(out), *options]
    async with (
        stdio_client(StdioServerParameters(command=sys.executable, args=arguments)) as (reading, writing),
        ClientSession(reading, writing) as client,
    ):
        await client.initialize()
        told["tools"] = [tool.name for tool in (await client.list_tools()).tools]
        seen = await client.call_tool("look", {})
        told["looked"] = [part.type for part in seen.content]
        told["where"] = text_of(seen)
        told["points"] = text_of(await client.call_tool("point", {"targets": ["the Save button", "the Payroll link"]}))
        told["typed"] = await client.call_tool("type", {"text": "Grace", "into": "the Name field"})
        told["clicked"] = await client.call_tool("click", {"target": "Save"})
        told["read"] = text_of(await client.call_tool("read", {"what": "message"}))
        told["absent"] = await client.call_tool("click", {"target": "the Payroll link"})
        told["elsewhere"] = await client.call_tool("open", {"url": "http://example.com/"})
        told["run"] = text_of(await client.call_tool("run", {"task": "type Ada into Name, press Save"}))
    return told


def test_another_agent_sees_and_acts(tmp_path: Path) -> None:
    told = asyncio.run(work(tmp_path / "run"))
    assert {"look", "point", "click", "type", "read", "run"} <= set(told["tools"])
    assert told["looked"][0] == "image" and "form.html" in told["where"]
    assert '"found": true' in told["points"] and '"found": false' in told["points"]
    assert not _failed(told["typed"]) and not _failed(told["clicked"])
    assert "Grace" in told["read"]
    assert _failed(told["absent"]) and "not on the screen" in text_of(told["absent"])
    assert _failed(told["elsewhere"]) and "example.com" in text_of(told["elsewhere"])
    assert '"outcome": "finished"' in told["run"]
    lines = (tmp_path / "run" / "journal.jsonl").read_text().splitlines()
    assert sum('"planned"' in line for line in lines) >= 6 and (tmp_path / "run" / "report.html").is_file()


def _failed(result: Any) -> bool:
    return bool(getattr(result, "isError", getattr(result, "is_error", False)))
