"""The agent's own topics, as the contract names them."""

from dataclasses import dataclass

from edge_agent.mqtt.message import Lane, Subscription

_NOT_FOR_ANSWERS = frozenset({"command", "control", "status", "health", "event", "speech"})


@dataclass(frozen=True, slots=True)
class AgentTopics:
    """Topics of one node."""

    node: str

    def __getitem__(self, name: str) -> str:
        """The topic of that name: command, response, status, health, event, control or speech."""
        return f"edge-agent/{self.node}/{name}"

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """What the agent listens to for itself."""
        return (
            Subscription(self["command"], Lane.REQUEST, qos=1),
            Subscription(self["control"], Lane.REQUEST, qos=1),
        )

    def reserved(self, topic: str) -> bool:
        """Whether an answer must never be sent to a topic, whatever a Response Topic says.

        Topics of other nodes count too: an answer to one agent would be a command to the next.
        """
        match topic.split("/"):
            case ["edge-agent", _, name]:
                return name in _NOT_FOR_ANSWERS
            case _:
                return False
