"""A command or control payload as the contract describes it, and the memory of ids already seen."""

import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import sha256

import msgspec

from edge_agent.core.entity import Origin
from edge_agent.core.payload import STATE_LIMIT, decode_json
from edge_agent.errors import DeviceError

PLAIN_TEXT = "plain-text"
"""The one conversation of all who send plain text, so that they can answer a question too."""

_MOST_ID = 128


class RequestError(DeviceError):
    """A payload that is no request; carries the id to answer to, where there was one."""

    def __init__(self, text: str, request_id: str) -> None:
        """Keeps the id beside the sentence."""
        super().__init__(text)
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class Request:
    """One sentence that somebody said, with where it came from and where the answer goes."""

    id: str
    text: str
    origin: Origin
    conversation_id: str
    received: float
    """Monotonic seconds."""
    deadline: float | None = None
    """Monotonic seconds after which it must not act."""
    area: str | None = None
    dry_run: bool = False
    pin: str | None = None
    reply_topic: str | None = None
    """Where the answer goes instead of the response topic."""
    correlation: bytes | None = None
    readings: tuple[str, ...] = ()
    """What else may have been said, where the text was heard; the most likely first."""


class _Body(msgspec.Struct):
    text: str
    id: str | int | None = None
    area: str | None = None
    conversation_id: str | int | None = None
    language: str | None = None
    dry_run: bool = False
    pin: str | int | None = None
    expires_in: float | None = None


def parse_request(
    payload: bytes,
    received: float,
    *,
    origin: Origin = Origin.COMMAND,
    expiry: int | None = None,
    reply_topic: str | None = None,
    correlation: bytes | None = None,
) -> Request:
    """The request in a payload: plain text, or JSON where it begins with a brace.

    Args:
        payload: The message.
        received: Monotonic seconds.
        origin: Where it came from.
        expiry: The message's own expiry in seconds, where it has one.
        reply_topic: An allowed Response Topic.
        correlation: Its Correlation Data.

    Raises:
        RequestError: It is neither; the text names the key and what is legal.
    """
    fallback = uuid.uuid4().hex
    body = _body(payload, fallback)
    request_id = str(body.id) if body.id not in (None, "") else fallback
    if not request_id.isprintable() or len(request_id) > _MOST_ID:
        raise RequestError(f"id: must be 1 to {_MOST_ID} printable characters", fallback)
    if body.language not in (None, "") and not str(body.language).casefold().startswith("en"):
        raise RequestError(f"language: {body.language!r} is not known; legal: en", request_id)
    if not body.text.strip():
        raise RequestError("text: is empty", request_id)
    waits = [wait for wait in (expiry, body.expires_in) if wait is not None]
    return Request(
        id=request_id,
        text=body.text.strip(),
        origin=origin,
        conversation_id=str(body.conversation_id)[:_MOST_ID]
        if body.conversation_id not in (None, "")
        else request_id,
        received=received,
        deadline=received + min(waits) if waits else None,
        area=body.area,
        dry_run=body.dry_run,
        pin=None if body.pin is None else str(body.pin),
        reply_topic=reply_topic,
        correlation=correlation,
    )


def _body(payload: bytes, fallback: str) -> _Body:
    if not payload.lstrip().startswith(b"{"):
        if len(payload) > STATE_LIMIT:
            raise RequestError(f"more than {STATE_LIMIT} bytes", fallback)
        try:
            return _Body(text=payload.decode("utf-8"), conversation_id=PLAIN_TEXT)
        except UnicodeDecodeError as error:
            raise RequestError("the payload is not UTF-8", fallback) from error
    try:
        document = decode_json(payload)
    except DeviceError as error:
        raise RequestError(f"the payload is not usable JSON: {error}", fallback) from error
    named = _named(document, fallback)
    try:
        return msgspec.convert(document, _Body)
    except msgspec.ValidationError as error:
        raise RequestError(str(error).replace("$.", ""), named) from error


def _named(document: object, fallback: str) -> str:
    named = document.get("id") if isinstance(document, Mapping) else None
    usable = isinstance(named, str) and 0 < len(named) <= _MOST_ID and named.isprintable()
    return str(named) if usable else fallback


class Seen(Enum):
    """What the memory says to an id."""

    NEW = auto()
    REPEATED = auto()
    """The same request again: it is answered already, or will be."""
    CLASHING = auto()
    """The id of another request."""


class RecentRequests:
    """The ids of the last ten minutes, so that a repeated request acts once."""

    def __init__(self, *, keep: float = 600.0, most: int = 4096) -> None:
        """Remembers for `keep` seconds, at most `most` ids."""
        self._keep = keep
        self._most = most
        self._seen: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    def meet(self, request: Request) -> Seen:
        """Whether this request is new; it is remembered."""
        digest = sha256(f"{request.text}\0{request.area}\0{request.dry_run}".encode()).digest()
        while self._seen:
            oldest = next(iter(self._seen))
            if request.received - self._seen[oldest][1] <= self._keep:
                break
            del self._seen[oldest]
        known = self._seen.get(request.id)
        if known is not None:
            return Seen.REPEATED if known[0] == digest else Seen.CLASHING
        self._seen[request.id] = (digest, request.received)
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return Seen.NEW
