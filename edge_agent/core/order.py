"""Orders from a menu: what one has to say, what it means unsaid, and what carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edge_agent.core.command import Action, Plan, Target
from edge_agent.core.entity import Attribute, Value
from edge_agent.core.registry import Registry


@dataclass(frozen=True, slots=True)
class Menu:
    """What an order of an appliance consists of, by ids of its entities; empty: there is none."""

    slots: tuple[str, ...] = ()
    """What an order may say; all of them are selectors."""
    required: tuple[str, ...] = ()
    """What an order has to say."""
    defaults: Mapping[str, Value] = field(default_factory=dict)
    """What it means where it says nothing."""
    start: str | None = None
    """The button that carries it out."""

    def missing(self, plan: Plan) -> tuple[str, ...]:
        """What a plan should have said and did not; empty where it is no order."""
        said = self._said(plan)
        return tuple(slot for slot in self.required if said and slot not in said)

    def complete(self, plan: Plan, registry: Registry) -> Plan:
        """The whole order that a plan means; another plan as it is.

        Of two options for the same slot the last was meant. What belongs to the order is due when
        the first of it is, and the button comes last.
        """
        said = self._said(plan)
        if not said:
            return plan
        first = next(iter(said.values()))
        actions = [
            action
            for action in plan.actions
            if said.get(_only(action), action) is action and _only(action) != self.start
        ]
        for slot, option in self.defaults.items():
            if slot not in said:
                actions.append(_about(slot, Attribute.OPTION, option, first, registry))
        if self.start is not None:
            actions.append(_about(self.start, Attribute.COMMAND, "press", first, registry))
        return Plan(tuple(actions))

    def _said(self, plan: Plan) -> dict[str, Action]:
        """The last thing said of each slot."""
        return {
            _only(action): action
            for action in plan.actions
            if _only(action) in self.slots and action.attribute == Attribute.OPTION
        }


def _only(action: Action) -> str:
    entities = action.target.entities
    return entities[0] if len(entities) == 1 else ""


def _about(
    entity_id: str, attribute: Attribute, value: Value, like: Action, registry: Registry
) -> Action:
    """An action due when another is."""
    entity = registry.entities.get(entity_id)
    target = Target(entity.name if entity else entity_id, (entity_id,))
    return replace(like, target=target, attribute=attribute, value=value)
