"""Control operations: reload, list devices and timers, call off, approve, button and voice."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from edge_agent.core.entity import Origin
from edge_agent.core.outcome import sentence
from edge_agent.core.payload import decode_json
from edge_agent.errors import EdgeAgentError
from edge_agent.language.dialogue import Dialogue
from edge_agent.service.clocks import Clocks
from edge_agent.service.devices import Devices
from edge_agent.service.request import Request
from edge_agent.service.response import Reply, Status
from edge_agent.service.timers import Timer, Timers, count
from edge_agent.service.turn import Turn

OPERATIONS = ("reload", "devices", "timers", "cancel", "approve", "listen", "voice")


class Voice(Protocol):
    """The microphone of this device, as far as an operator may handle it.

    Everything but `modes` and `silence` raises EdgeAgentError where it cannot be done.
    """

    @property
    def modes(self) -> Sequence[str]:
        """How it can be spoken to."""
        ...

    def described(self) -> Mapping[str, Any]:
        """Its mode, whether it is muted, its state and its problems."""
        ...

    def push(self, *, down: bool) -> None:
        """The button for talking is pressed, or let go."""
        ...

    def mute(self, *, muted: bool) -> None:
        """The microphone is off, or on again."""
        ...

    def silence(self) -> None:
        """It says no more, whether it said anything or not."""
        ...

    async def switch(self, mode: str) -> None:
        """It is spoken to in another of the `modes` from now on."""
        ...


class Control:
    """What an operator may ask of the daemon over MQTT."""

    def __init__(
        self,
        devices: Devices,
        dialogue: Dialogue,
        turn: Turn,
        timers: Timers,
        clocks: Clocks,
        reload: Callable[[], Awaitable[None]],
        voice: Callable[[], Voice | None] = lambda: None,
    ) -> None:
        """Keeps what it works with; `reload` reads the configuration again."""
        self._devices = devices
        self._dialogue = dialogue
        self._turn = turn
        self._timers = timers
        self._clocks = clocks
        self._reload = reload
        self._voice = voice

    async def perform(self, payload: bytes, request: Request) -> Reply:
        """The answer to a control message."""
        document = decode_json(payload)
        operation = document.get("op") if isinstance(document, dict) else None
        match operation:
            case "devices":
                return Reply(Status.OK, self._counted(), extra={"devices": self.listing()})
            case "timers":
                return self._pending()
            case "cancel" if "timer" in document:
                return self._cancel(document["timer"])
            case "cancel":
                return self._call_off_all()
            case "approve":
                return await self._turn.approve(request, lambda: False)
            case "listen" | "voice":
                return await self._handle_voice(operation, document)
            case "reload":
                try:
                    await self._reload()
                except EdgeAgentError as error:
                    return Reply(Status.ERROR, f"Not reloaded: {error}", reason=str(error))
                return Reply(Status.OK, "The configuration was read again.")
            case _:
                legal = ", ".join(OPERATIONS)
                return Reply(Status.ERROR, f"op: {operation!r} is not known; legal: {legal}.")

    def call_off(self, request: Request) -> Reply:
        """Forget what was asked back, and what the same conversation put off just before.

        What ran was called off when the message came in, and a voice that hears "stop" falls silent
        by itself.
        """
        self._dialogue.clear()
        if request.origin is not Origin.VOICE:
            self._silence()
        gone = self._timers.call_off_latest(request.conversation_id, request.origin)
        said = _not_done(gone) if gone else "Okay, cancelled."
        return Reply(Status.OK, said, reason="cancelled")

    def _call_off_all(self) -> Reply:
        """As an operator means it: whatever runs or waits for an answer, but no timers."""
        self._dialogue.clear()
        self._silence()
        left = len(self._timers)
        said = f" {count(left).capitalize()} stay{'s' if left == 1 else ''}." if left else ""
        return Reply(Status.OK, f"Okay, cancelled.{said}", reason="cancelled")

    def _silence(self) -> None:
        if (voice := self._voice()) is not None:
            voice.silence()

    def _cancel(self, timer_id: object) -> Reply:
        gone = self._timers.remove(timer_id) if isinstance(timer_id, str) else None
        if gone is None:
            legal = ", ".join(timer.id for timer in self._timers.pending()) or "none are pending"
            return Reply(Status.ERROR, f"timer: {timer_id!r} is not known; legal: {legal}.")
        return Reply(Status.OK, _not_done([gone]), reason="cancelled")

    async def _handle_voice(self, operation: str, document: Mapping[str, Any]) -> Reply:
        voice = self._voice()
        if voice is None:
            said = "There is no voice here: voice.enabled is false."
            return Reply(Status.ERROR, said, reason="voice is not enabled")
        try:
            if operation == "listen":
                return _pushed(voice, document)
            return await _switched(voice, document)
        except EdgeAgentError as error:
            return Reply(Status.ERROR, sentence(str(error)), reason=str(error))

    def _pending(self) -> Reply:
        timers = self._timers.pending()
        said = f"There {'is' if len(timers) == 1 else 'are'} {count(len(timers))}."
        return Reply(Status.OK, said, extra={"timers": [self._shown(timer) for timer in timers]})

    def _shown(self, timer: Timer) -> dict[str, Any]:
        """A timer; the day and hour are null while nothing says what time it is."""
        told = timer.wall is not None and (timer.by_wall or self._clocks.synchronised())
        left = None if timer.due is None else timer.due - self._clocks.elapsed()
        return {
            "id": timer.id,
            "text": timer.words,
            "due": self._clocks.local(timer.wall).isoformat(timespec="seconds")
            if told and timer.wall is not None
            else None,
            "in_seconds": None if left is None else round(max(0.0, left), 1),
            "conversation_id": timer.conversation,
        }

    def listing(self) -> list[dict[str, Any]]:
        """Every entity with what it can do and its last known state."""
        registry, state = self._devices.registry, self._devices.state
        return [
            {
                "id": entity.id,
                "name": entity.name,
                "kind": entity.kind.value,
                "area": area.name if (area := registry.area_of(entity.id)) else None,
                "aliases": entity.aliases,
                "available": state.available(entity.id),
                "problem": entity.problem,
                "state": {
                    known.attribute: state.value(entity.id, known.attribute)
                    for known in entity.capabilities
                    if known.readable
                },
                "settable": {
                    known.attribute: known.domain.describe()
                    for known in entity.capabilities
                    if known.settable
                },
            }
            for entity in registry.entities.values()
        ]

    def _counted(self) -> str:
        return f"I know {len(self._devices.registry.entities)} devices."


def _not_done(timers: Sequence[Timer]) -> str:
    return f"Okay, I won't {' and '.join(timer.words for timer in timers)}."


def _pushed(voice: Voice, document: Mapping[str, Any]) -> Reply:
    """As for a tap on the button for talking, or for holding it."""
    match document.get("button"):
        case None:
            voice.push(down=True)
            voice.push(down=False)
        case "down":
            voice.push(down=True)
        case "up":
            voice.push(down=False)
            return Reply(Status.OK, "Okay.")
        case other:
            return _unknown("button", other, ("down", "up"))
    return Reply(Status.OK, "I am listening.")


async def _switched(voice: Voice, document: Mapping[str, Any]) -> Reply:
    """Changes what is asked for, all of it or nothing, and tells how it is then."""
    mode, muted = document.get("mode"), document.get("muted")
    if mode is not None and mode not in voice.modes:
        return _unknown("mode", mode, voice.modes)
    if muted is not None and not isinstance(muted, bool):
        return _unknown("muted", muted, ("true", "false"))
    if mode is not None:
        await voice.switch(mode)
    if muted is not None:
        voice.mute(muted=muted)
    now = voice.described()
    said = f"The voice is {'muted' if now['muted'] else now['state']}; its mode is {now['mode']}."
    return Reply(Status.OK, said, extra={"voice": now})


def _unknown(key: str, value: object, legal: Sequence[str]) -> Reply:
    return Reply(Status.ERROR, f"{key}: {value!r} is not known; legal: {', '.join(legal)}.")
