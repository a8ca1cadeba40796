"""The agent's own topics, as the contract names them."""

from dataclasses import dataclass

from edge_agent.mqtt.message import Lane, Subscription


@dataclass(frozen=True, slots=True)
class AgentTopics:
    """Topics of one node."""

    node: str

    def __getitem__(self, name: str) -> str:
        """The topic of that name: command, response, status, health, event or control."""
        return f"edge-agent/{self.node}/{name}"

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """What the agent listens to for itself."""
        return (
            Subscription(self["command"], Lane.REQUEST, qos=1),
            Subscription(self["control"], Lane.REQUEST, qos=1),
        )

    @property
    def own(self) -> frozenset[str]:
        """Topics that an answer must never be sent to, whatever a Response Topic says."""
        return frozenset(self[name] for name in ("command", "control", "status", "health", "event"))
