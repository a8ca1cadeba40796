"""Logs for journald: one line an event, stable names, priorities in front.

Payloads are never logged at info.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def configure_logs(level: str, *, journal: bool, stream: TextIO = sys.stderr) -> None:
    """Send structured logs to a stream.

    Args:
        level: The least level that is written.
        journal: Whether journald reads the stream; it then gets `<N>` priorities instead of
            times, as sd-daemon(3) describes.
        stream: Where to write.
    """
    processors: list[Any] = [structlog.processors.add_log_level, _without_none]
    if not journal:
        processors.append(structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False))
    processors.append(structlog.processors.format_exc_info)
    render = structlog.processors.LogfmtRenderer(
        key_order=["timestamp", "level", "event"], drop_missing=True, bool_as_flag=False
    )
    processors.append(_with_priority(render) if journal else render)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )


def _without_none(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {key: value for key, value in event.items() if value is not None}


def _with_priority(render: Any) -> Any:
    def rendered(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        level = str(event.pop("level", "info"))
        line = render(logger, method, event)
        return f"<{_PRIORITIES.get(level, 6)}>{line}"

    return rendered
