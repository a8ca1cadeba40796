"""From a plan to what is done now, what is put off, and what will be undone.

Values are decided here, when the plan is accepted; permission is asked by whoever calls, now and
again when the time has come.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from edge_agent.core.accept import Rejected, accept, holds
from edge_agent.core.answer import answer
from edge_agent.core.command import (
    Action,
    Ask,
    Command,
    Condition,
    Plan,
    Query,
    Schedule,
    When,
)
from edge_agent.core.entity import Attribute, Capability, Choice, Risk
from edge_agent.core.outcome import (
    Outcome,
    Result,
    clauses,
    say_condition,
    say_planned,
    say_results,
)
from edge_agent.core.policy import Verdict
from edge_agent.core.registry import Registry
from edge_agent.language.times import spell_clock, spell_duration
from edge_agent.service.clocks import Clocks
from edge_agent.service.devices import Devices
from edge_agent.service.request import Request
from edge_agent.service.timers import Item, Timer, Timers


@dataclass(frozen=True, slots=True)
class Moment:
    """What of a plan is due at one later time."""

    when: str
    """`in 10 minutes`, `at 7:30 tomorrow`."""
    due: float
    """Elapsed seconds."""
    wall: float | None
    """Seconds since 1970, where a time of day was said."""
    items: tuple[Item, ...]
    undoes: bool = False

    def words(self, registry: Registry) -> str:
        """What will be done: `turn on the heater if the outdoor temperature is below 5`."""
        return words_of(self.items, registry)


class Impossible(Exception):  # noqa: N818 - it is an answer, not a fault
    """A plan whose time cannot be kept: nothing of it is done."""

    def __init__(self, said: str, reason: str, instead: Plan | None = None) -> None:
        """Keeps the sentence, the reason, and what is asked about instead."""
        super().__init__(said)
        self.said = said
        self.reason = reason
        self.instead = instead


@dataclass(slots=True)
class Accepted:
    """A plan with absolute values."""

    now: list[Command | Rejected] = field(default_factory=list)
    """In the order they were said; what cannot be done later is rejected here too."""
    unmet: list[str] = field(default_factory=list)
    """Clauses about conditions that do not hold."""
    moments: list[Moment] = field(default_factory=list)
    spoken: list[tuple[str, list[Command]]] = field(default_factory=list)
    """What a question back names: the time and the commands."""

    @property
    def commands(self) -> list[Command]:
        """Everything that needs permission."""
        now = [command for command in self.now if isinstance(command, Command)]
        return now + [item.command for moment in self.moments for item in moment.items]

    def question(self, registry: Registry, *, now: bool = False) -> str:
        """The clauses of "shall I ...": `turn off the heater in 10 minutes`."""
        parts: dict[str, list[Command]] = {}
        for when, commands in self.spoken:
            parts.setdefault(when or ("now" if now else ""), []).extend(commands)
        said = (f"{clauses(some, registry)} {when}" for when, some in parts.items() if some)
        return " and ".join(part.strip() for part in said)


class Later:
    """Accepts plans, and keeps what they put off."""

    def __init__(self, timers: Timers, clocks: Clocks, devices: Devices) -> None:
        """Keeps what it works with."""
        self.timers = timers
        self._clocks = clocks
        self._devices = devices

    def accept(self, plan: Plan) -> Accepted:
        """The commands of a plan, by the time they are due.

        Raises:
            Impossible: A time cannot be kept, or something could not be undone.
        """
        registry, accepted = self._devices.registry, Accepted()
        for action in plan.actions:
            schedule = action.schedule
            if schedule is not None and schedule.when is not When.FOR:
                self._put_off(action, schedule, accepted)
            elif (clause := unmet(action.condition, self._devices)) is not None:
                if clause not in accepted.unmet:
                    accepted.unmet.append(clause)
            else:
                found = accept(action, registry, self._devices.state)
                accepted.now.extend(found)
                commands = [one for one in found if isinstance(one, Command)]
                if schedule is not None and commands:
                    self._undo(action, schedule, commands, accepted)
                when = f"for {spell_duration(schedule.seconds)}" if schedule else ""
                accepted.spoken.append((when, commands))
        accepted.moments = _together(accepted.moments)
        return accepted

    def keep(self, accepted: Accepted, request: Request, approved: Verdict) -> list[Timer]:
        """Set a timer for every later moment of a plan.

        Raises:
            TimerError: There are too many.
        """
        timers: list[Timer] = []
        for moment in accepted.moments:
            taken = [timer.id for timer in timers]
            timers.append(
                Timer(
                    id=self.timers.free_id(request.id, taken),
                    request=request.id,
                    conversation=request.conversation_id,
                    origin=request.origin,
                    items=moment.items,
                    approved=approved,
                    words=moment.words(self._devices.registry),
                    due=moment.due,
                    wall=moment.wall,
                    by_wall=moment.wall is not None,
                    undoes=moment.undoes,
                )
            )
        self.timers.add(timers)
        return timers

    def kept(
        self,
        moments: Sequence[Moment],
        timers: Sequence[Timer],
        results: Sequence[Result],
        *,
        cancelled: bool,
    ) -> list[Moment]:
        """What is left to be done later when some of what was to be undone was refused.

        What did not answer may have happened, or happen late: it is undone all the same. What is
        done for longer than was said before is undone once, at the later time.
        """
        done = {one.command.entity for one in results if one.outcome is not Outcome.REFUSED}
        left = []
        for moment, timer in zip(moments, timers, strict=True):
            if cancelled and self.timers.get(timer.id) is None:
                continue  # called off while the devices were waited for
            if not moment.undoes:
                left.append(moment)
                continue
            self._drop(timer.id, lambda item: item.command.entity not in done)
            items = tuple(item for item in moment.items if item.command.entity in done)
            if items:
                left.append(replace(moment, items=items))
        undone = {_undone(item) for moment in left if moment.undoes for item in moment.items}
        new = {timer.id for timer in timers}
        for earlier in self.timers.pending():
            if earlier.undoes and earlier.id not in new:
                self._drop(earlier.id, lambda item: _undone(item) in undone)
        return left

    def _drop(self, timer_id: str, goes: Callable[[Item], bool]) -> None:
        timer = self.timers.get(timer_id)
        if timer is None:
            return
        items = tuple(item for item in timer.items if not goes(item))
        if items != timer.items:
            words = words_of(items, self._devices.registry)
            self.timers.replace(msgspec.structs.replace(timer, items=items, words=words))

    def _put_off(self, action: Action, schedule: Schedule, accepted: Accepted) -> None:
        registry = self._devices.registry
        found = accept(action, registry, self._devices.state)
        accepted.now.extend(one for one in found if isinstance(one, Rejected))
        commands = [one for one in found if isinstance(one, Command)]
        items = tuple(
            Item(one, registry.spoken_name(one.entity), action.condition) for one in commands
        )
        if not items:
            return
        moment = self._moment(schedule, items)
        accepted.moments.append(moment)
        condition = f" {say_condition(action.condition, registry)}" if action.condition else ""
        accepted.spoken.append((moment.when + condition, commands))

    def _moment(self, schedule: Schedule, items: tuple[Item, ...]) -> Moment:
        now = self._clocks.elapsed()
        if schedule.when is not When.AT:
            return Moment(
                f"in {spell_duration(schedule.seconds)}", now + schedule.seconds, None, items
            )
        minutes = round(schedule.seconds / 60)
        if not self._clocks.synchronised():
            raise Impossible(
                "I do not know for sure what time it is, so I can only do things in a while, "
                "not at a time of day.",
                "the clock is not synchronised",
            )
        at, wall = self._clocks.next_showing(minutes), self._clocks.wall()
        if at is None:
            raise Impossible("The clock does not show that time soon.", "no such time of day")
        another_day = self._clocks.local(at).date() != self._clocks.local(wall).date()
        when = f"at {spell_clock(minutes)}{' tomorrow' if another_day else ''}"
        return Moment(when, now + at - wall, at, items)

    def _undo(
        self, action: Action, schedule: Schedule, commands: Sequence[Command], accepted: Accepted
    ) -> None:
        registry = self._devices.registry
        back = [self._back(command) for command in commands]
        changed = [undo for undo, command in zip(back, commands, strict=True) if undo != command]
        if not changed:
            raise self._nothing_to_undo(action, schedule, commands)
        items = tuple(
            Item(undo, registry.spoken_name(undo.entity), undoes=action.attribute)
            for undo in changed
        )
        moment = self._moment(replace(schedule, when=When.IN), items)
        accepted.moments.append(replace(moment, undoes=True))

    def _back(self, command: Command) -> Command:
        """The command that puts back what was observed before another one.

        Raises:
            Impossible: It is not known, cannot be set, or must not be undone by itself.
        """
        registry, state = self._devices.registry, self._devices.state
        name = registry.spoken_name(command.entity)
        if (pending := self.timers.undoing(command.entity, command.attribute)) is not None:
            return pending  # set for a while already: back to what was before that
        entity = registry.entities[command.entity]
        capability, power = (entity.capability(one) for one in (command.attribute, Attribute.POWER))
        seen = state.get(command.entity, command.attribute)
        off = state.get(command.entity, Attribute.POWER)
        if power and power.settable and off and not off.stale and off.value == "off":
            undo = Command(command.entity, Attribute.POWER, "off")  # a level says nothing then
        elif seen is None or seen.value is None or seen.stale:
            raise Impossible(
                f"I do not know how the {name} is now, so I could not put it back.",
                "the value before is not known",
            )
        else:
            undo = Command(command.entity, command.attribute, seen.value)
        assert capability is not None  # noqa: S101 - the command was accepted a moment ago
        if _is_security(capability, command) or _is_security(capability, undo):
            raise Impossible(
                "Locks, doors, gates, alarms and valves are not undone by themselves; "
                "please say when you want it back.",
                "not for a while: that is a security action",
            )
        if undo.attribute == command.attribute and undo.value not in capability.domain:
            raise Impossible(
                f"I could not put the {name} back: it is {undo.value} now.",
                "the value before cannot be set",
            )
        return undo

    def _nothing_to_undo(
        self, action: Action, schedule: Schedule, commands: Sequence[Command]
    ) -> Impossible:
        """Everything is so already: ask whether it is to end then, where it has an opposite."""
        registry = self._devices.registry
        said = say_results([Result(one, Outcome.CONFIRMED) for one in commands], registry)
        entity = registry.entities[commands[0].entity]
        capability = entity.capability(action.attribute)
        domain = capability.domain if capability else None
        options = domain.options if isinstance(domain, Choice) else ()
        others = [option for option in options if option != commands[0].value]
        if len(others) != 1:
            return Impossible(
                f"{said} I would not know what to put back.", "there is nothing to undo"
            )
        target = replace(
            action.target, entities=tuple(one.entity for one in commands), collective=True
        )
        end = Action(target, action.attribute, others[0], None, replace(schedule, when=When.IN))
        ended = [replace(one, value=others[0]) for one in commands]
        question = f"Shall I {clauses(ended, registry)} in {spell_duration(schedule.seconds)}?"
        return Impossible(f"{said} {question}", "there is nothing to undo", Plan((end,)))


def unmet(condition: Condition | None, devices: Devices) -> str | None:
    """Why a condition does not hold at this moment, as a sentence; None where it does."""
    if condition is None:
        return None
    true = holds(condition, devices.state)
    if true:
        return None
    query = Query(Ask.STATE, condition.target, condition.attribute)
    what = answer(query, devices.registry, devices.state)
    return what if true is None else f"{what} So I did nothing."


def words_of(items: Sequence[Item], registry: Registry) -> str:
    """What items will do, in clauses."""
    groups: dict[Condition | None, list[Command]] = {}
    for item in items:
        groups.setdefault(item.condition, []).append(item.command)
    return " and ".join(
        clauses(commands, registry)
        + (f" {say_condition(condition, registry)}" if condition is not None else "")
        for condition, commands in groups.items()
    )


def say_moments(moments: Sequence[Moment], registry: Registry, *, only_said: bool = False) -> str:
    """The sentences about what is put off."""
    return " ".join(
        say_planned(moment.when, moment.words(registry), only_said=only_said) for moment in moments
    )


def planned(items: Sequence[Item]) -> list[Result]:
    """Items as results of the response that puts them off."""
    return [Result(item.command, Outcome.PLANNED) for item in items]


def _together(moments: Sequence[Moment]) -> list[Moment]:
    """What is due at the same time is one moment; the next one comes first."""
    groups: dict[tuple[str, bool], Moment] = {}
    for moment in moments:
        key = (moment.when, moment.undoes)
        known = groups.get(key)
        groups[key] = replace(known, items=known.items + moment.items) if known else moment
    return sorted(groups.values(), key=lambda moment: moment.due)


def _undone(item: Item) -> tuple[str, str | None]:
    return item.command.entity, item.undoes


def _is_security(capability: Capability, command: Command) -> bool:
    return capability.risk_of(command.value) is Risk.SECURITY
