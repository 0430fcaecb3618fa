"""Tools that take what they describe and nothing else, and say in one line what does not fit."""

from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import ValidationError

_TOLD = 3


class StrictTool(Tool):
    """A misspelt argument is an error that the model can mend, instead of a default that it did not ask for."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        known = self.parameters["properties"]
        for name in arguments:
            if name not in known:
                raise ToolError(f"{self.name} has no argument {name[:40]!r}; it takes {', '.join(known)}.")
        try:
            return await super().run(arguments, context, convert_result)
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError) and not isinstance(error, UnexpectedToolError):
                raise ToolError(f"{self.name}: {_in_a_line(error.__cause__)}.") from error.__cause__
            raise


def strict_tool(function: Callable[..., Any], annotations: ToolAnnotations) -> Tool:
    """A function as a tool, described by its docstring and annotations."""
    tool = StrictTool.from_function(function, annotations=annotations, structured_output=True)
    tool.parameters["additionalProperties"] = False
    return tool


def _in_a_line(error: ValidationError) -> str:
    """Which arguments do not fit, and why; not what was given, which may be long."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in found[:_TOLD])
