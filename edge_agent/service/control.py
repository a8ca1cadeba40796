"""Control operations: reload, list the devices, call off, approve."""

from collections.abc import Awaitable, Callable
from typing import Any

from edge_agent.core.payload import decode_json
from edge_agent.errors import EdgeAgentError
from edge_agent.language.dialogue import Dialogue
from edge_agent.service.devices import Devices
from edge_agent.service.request import Request
from edge_agent.service.response import Reply, Status
from edge_agent.service.turn import Turn

OPERATIONS = ("reload", "devices", "cancel", "approve")


class Control:
    """What an operator may ask of the daemon over MQTT."""

    def __init__(
        self,
        devices: Devices,
        dialogue: Dialogue,
        turn: Turn,
        reload: Callable[[], Awaitable[None]],
    ) -> None:
        """Keeps what it works with; `reload` reads the configuration again."""
        self._devices = devices
        self._dialogue = dialogue
        self._turn = turn
        self._reload = reload

    async def perform(self, payload: bytes, request: Request) -> Reply:
        """The answer to a control message."""
        document = decode_json(payload)
        operation = document.get("op") if isinstance(document, dict) else None
        match operation:
            case "devices":
                return Reply(Status.OK, self._counted(), extra={"devices": self.listing()})
            case "cancel":
                return self.call_off()
            case "approve":
                return await self._turn.approve(request, lambda: False)
            case "reload":
                try:
                    await self._reload()
                except EdgeAgentError as error:
                    return Reply(Status.ERROR, f"Not reloaded: {error}", reason=str(error))
                return Reply(Status.OK, "The configuration was read again.")
            case _:
                legal = ", ".join(OPERATIONS)
                return Reply(Status.ERROR, f"op: {operation!r} is not known; legal: {legal}.")

    def call_off(self) -> Reply:
        """Forget what was asked back; what runs was called off when the message came in."""
        self._dialogue.clear()
        return Reply(Status.OK, "Okay, cancelled.", reason="cancelled")

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
