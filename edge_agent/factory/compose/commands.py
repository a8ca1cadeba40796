"""Sentences that command: one thing or several, now or later, with conditions and corrections.

Knows how clauses are joined; not how one of them is made.
"""

from dataclasses import replace

from edge_agent.core.command import Comparison, When
from edge_agent.core.entity import Kind
from edge_agent.factory.compose.case import Case, Miss
from edge_agent.factory.compose.clauses import Clause, Clauses
from edge_agent.factory.compose.fitting import Repertoire, can_be, readable
from edge_agent.factory.compose.framing import Framing
from edge_agent.factory.compose.joining import Joining
from edge_agent.factory.compose.pointing import Pointer
from edge_agent.factory.compose.resolving import Resolver
from edge_agent.factory.compose.scene import Scene
from edge_agent.factory.sentences.values import (
    say_clock,
    say_duration,
    say_number,
    sensor_number,
    time_phrase,
)
from edge_agent.language.vocabulary import Candidates
from edge_agent.language.wording import THEN, write_condition

_BOTH_WAYS = frozenset({"on", "off", "open", "closed"})
"""Values that can be taken back after a while."""
_FOLLOWS = 12
"""Tries to find a second sentence that fits the first."""
_COMPARISONS = {"=": Comparison.IS, ">": Comparison.ABOVE, "<": Comparison.BELOW}


class Commands:
    """Composes commands for one home."""

    def __init__(
        self,
        scene: Scene,
        repertoire: Repertoire,
        pointer: Pointer,
        clauses: Clauses,
        resolver: Resolver,
        framing: Framing,
    ) -> None:
        """Composes them of these parts."""
        self._scene = scene
        self._repertoire = repertoire
        self._pointer = pointer
        self._clauses = clauses
        self._resolver = resolver
        self._framing = framing
        self._joining = Joining(scene, repertoire, pointer, clauses, framing)

    def command(self) -> Case:
        """One command."""
        return self._case(self._asked(self._clauses.clause()))

    def several(self) -> Case:
        """Two to four commands."""
        joined = self._joining.joined()
        area = self._scene.speaker_of(joined.clauses[0].targets[0])
        return self._resolver.commands(joined.clauses, joined.text, area)

    def timed(self) -> Case:
        """A command for later, or for a while."""
        random, manner = self._scene.random, self._scene.manner
        clause = self._asked(self._clauses.clause(plain=True))
        switches = clause.wanted in _BOTH_WAYS
        when = random.choice(
            (When.IN, When.IN, When.AT, When.FOR) if switches else (When.IN, When.AT)
        )
        if when is When.AT:
            said = random.choice(manner.at).replace("{time}", say_clock(random))
        else:
            forms = manner.delay if when is When.IN else manner.for_
            if when is When.FOR and clause.wanted != "on":
                forms = [form for form in forms if " off" not in form]
            said = random.choice(forms).replace("{duration}", say_duration(random))
        time = time_phrase(said, when)
        if time is None:
            raise Miss
        text = f"{said} {clause.text}" if random.random() < 0.3 else f"{clause.text} {said}"
        return self._case(replace(clause, text=text, time=time))

    def conditional(self) -> Case:
        """A command that depends on something."""
        random, scene = self._scene.random, self._scene
        entry = random.choice(scene.manner.if_)
        attribute, sign, value = entry.parts
        able = [
            (entity, capability)
            for kind in entry.of
            for entity in scene.of(Kind(kind))
            for capability in (readable(entity, attribute),)
            if capability is not None and can_be(capability, value)
        ]
        if not able:
            raise Miss
        entity, capability = random.choice(able)
        pointed = self._pointer.point(random.choice(entry.say), [entity])
        test = pointed.text
        number = sensor_number(attribute, random)
        if value == "{number}":
            test = test.replace("{number}", say_number(number, capability, random))
        by_pronoun = random.random() < 0.3 and len(pointed.reference.entities) == 1
        if by_pronoun:
            clause = self._clauses.again_of(pointed.reference)
        else:
            clause = self._clauses.clause(plain=True)
        clause = self._asked(clause)
        if not by_pronoun and random.random() < 0.4:
            text = f"{clause.text} {test}"
        else:
            text = f"{test}{random.choice((' ', ', ', ' then '))}{clause.text}"

        def condition(candidates: Candidates) -> str:
            phrase = self._resolver.phrase(pointed.reference, candidates, readable=True)
            tested = number if value == "{number}" else value
            written = write_condition(phrase, capability.attribute, _COMPARISONS[sign], tested)
            return f"{written} {THEN} "

        area = scene.speaker_of(clause.targets[0])
        return self._resolver.commands([clause], text, area, condition=condition)

    def cancelled(self) -> Case:
        """A command that is called off before it ends."""
        clause = self._clauses.clause()
        text = clause.text + self._scene.random.choice(self._scene.manner.cancel)
        return self._resolver.refusal(text, "none cancelled", clause.phrasing.style)

    def _asked(self, clause: Clause) -> Clause:
        """A clause, now and then with "could you" before it."""
        return replace(clause, text=self._framing.framed([clause.text], [clause.phrasing.style])[0])

    def _case(self, clause: Clause) -> Case:
        area = self._scene.speaker_of(clause.targets[0])
        return self._resolver.commands([clause], clause.text, area)
