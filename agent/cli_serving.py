"""`deixis mcp` and `deixis serve`: for other agents and frameworks."""

from typing import Annotated

import typer

from deixis.agent.command import takes
from deixis.agent.options import RunOptions
from deixis.browser.errors import SetupError, UsageError


@takes(RunOptions, "url", "allow", "model", "yes", "secret", "viewport", "headed", "out")
def mcp(options: RunOptions) -> None:
    """Eyes and hands for other agents, over the Model Context Protocol on standard input and output."""
    try:
        from deixis.agent.mcp import Desk, server
    except ImportError as error:
        raise SetupError(f"the MCP server is not installed ({error.name}): pip install 'deixis[mcp]'") from error
    server(Desk(options, consent=options.yes)).run("stdio")


def serve(
    model: Annotated[str | None, typer.Option(help="nano, or a .safetensors file of the same kind.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; the default is this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8765,
) -> None:
    """Offers the model as an OpenAI-compatible server, for other frameworks to point with."""
    try:
        import uvicorn

        from deixis.vlm.serve import application
    except ImportError as error:
        raise SetupError(f"the server is not installed ({error.name}): pip install 'deixis[serve]'") from error
    from deixis.agent.api import load_pointer
    from deixis.vlm.pointer import NanoPointer

    pointer = load_pointer(model)
    if not isinstance(pointer, NanoPointer):
        raise UsageError(f"--model {model!r}: only deixis-nano or weights of its kind can be served")
    uvicorn.run(application(pointer), host=host, port=port, log_level="info")
