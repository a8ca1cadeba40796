"""Decoding along an automaton: greedy or beam, with honest probabilities.

All branches lie as one tree in the network's slots, behind a prefix that stays from call to call.
Runs of forced tokens ride along with the next choice. It knows token ids only: not their text,
and not what the automaton stands for.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_agent.errors import ModelError
from edge_agent.slm.step import Step

Floats = NDArray[np.float32]


class Cancelled(ModelError):  # noqa: N818 - an outcome, not a fault
    """The caller asked to stop before the decode was through."""


class State(Protocol):
    """Where a decode stands in the grammar."""

    @property
    def edges(self) -> "Mapping[int, State]":
        """The legal next tokens and where each leads; empty where the sentence is complete."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One token sequence that the grammar allows."""

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Natural logarithm of each token's probability over the full vocabulary."""
    finished: bool
    """Whether the grammar was walked to an end; else `max_tokens` cut it off."""

    @property
    def logprob(self) -> float:
        """The sum of `logprobs`, never renormalised over the legal tokens."""
        return sum(self.logprobs)


@dataclass(frozen=True, slots=True)
class Stats:
    """What the last call cost."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Prompt tokens that the slots still held."""
    steps: int = 0
    """Passes through the network."""
    decoded_tokens: int = 0
    """Tokens that a choice appended, dead branches included."""
    forced_tokens: int = 0
    """Tokens that the grammar left no choice about."""


@dataclass(frozen=True, slots=True)
class _Feed:
    """A token for the network, and the next tokens whose log-probs are wanted after it."""

    token: int
    parent: int
    """The slot before it in its branch; -1 for the first of a prompt."""
    wanted: Sequence[int] | slice = ()


@dataclass(frozen=True, slots=True)
class _Beam:
    """A branch whose last token, `head`, the network has not seen yet."""

    state: State
    head: int
    parent: int
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()


def never() -> bool:
    """A decode that nothing cancels."""
    return False


class Decoder:
    """Decodes with one network, whose slots it owns; used by one thread at a time."""

    def __init__(self, network: Step) -> None:
        """A decoder with empty slots."""
        self._network = network
        self._used = 0  # slots that hold a token
        self._tokens = np.zeros(network.n_ctx, np.int64)
        self._parents = np.zeros(network.n_ctx, np.int64)
        self._positions = np.zeros(network.n_ctx, np.int64)
        self._sees = np.zeros((network.n_ctx, network.n_ctx), np.bool_)
        self._stats = Stats()

    @property
    def stats(self) -> Stats:
        """What the last call cost."""
        return self._stats

    def decode(
        self,
        prompt: Sequence[int],
        start: State,
        *,
        width: int = 1,
        max_tokens: int,
        margin: float = math.inf,
        cancelled: Callable[[], bool] = never,
    ) -> list[Hypothesis]:
        """At most `width` token sequences of the grammar, the most probable first.

        Args:
            prompt: Token ids before the first choice; at least one.
            start: The grammar's first state.
            width: Branches that are kept; 1 is greedy.
            max_tokens: Tokens after which a branch is cut off.
            margin: Nats below the best branch at which another one is given up.
            cancelled: Asked before every step.

        Raises:
            Cancelled: `cancelled` said yes.
            ModelError: A token is not in the vocabulary, or the slots are too few.
        """
        feeds, parent = self._begin(prompt)
        live = [_Beam(start, prompt[-1], parent)]
        done: list[Hypothesis] = []
        while live:
            walks: list[tuple[_Beam, tuple[int, ...], Mapping[int, State], int]] = []
            for beam in live:
                forced, state = _forced(beam.state, max_tokens - len(beam.tokens))
                tokens = beam.tokens + forced
                edges = state.edges if len(tokens) < max_tokens else {}
                wanted: list[Sequence[int]] = [(token,) for token in forced]
                wanted += [tuple(edges)] if edges else []
                walks.append((replace(beam, state=state, tokens=tokens), forced, edges, len(feeds)))
                parent = beam.parent
                # The last token of a branch that is through has nothing left to predict.
                for token, after in zip((beam.head, *forced), wanted, strict=False):
                    feeds.append(_Feed(token, parent, after))
                    parent = self._used + len(feeds) - 1
            first = self._used
            rows = self._run(feeds, cancelled)
            grown: list[_Beam] = []
            for beam, forced, edges, at in walks:
                scored = tuple(float(row[0]) for row in rows[at : at + len(forced)])
                logprobs = beam.logprobs + scored
                if not edges:
                    finished = not beam.state.edges
                    done.append(Hypothesis(beam.tokens, logprobs, finished))
                    continue
                last = at + len(forced)
                grown += [
                    _Beam(state, token, first + last, (*beam.tokens, token), (*logprobs, float(p)))
                    for (token, state), p in zip(edges.items(), rows[last], strict=True)
                ]
            done.sort(key=lambda found: (not found.finished, -found.logprob))
            grown.sort(key=lambda beam: -sum(beam.logprobs))
            # A branch only ever loses probability: one below the worst kept result is lost.
            floor = done[width - 1].logprob if len(done) >= width else -np.inf
            if grown:
                floor = max(floor, sum(grown[0].logprobs) - margin)
            live = [beam for beam in grown[:width] if sum(beam.logprobs) > floor]
            self._count(decoded=len(live), forced=sum(len(forced) for _, forced, _, _ in walks))
            feeds = []
        return done[:width]

    def score(
        self,
        prompt: Sequence[int],
        continuations: Sequence[Sequence[int]],
        *,
        cancelled: Callable[[], bool] = never,
    ) -> list[list[float]]:
        """The log-probability of every token of several continuations, shared beginnings once.

        Raises:
            Cancelled: `cancelled` said yes.
            ModelError: A token is not in the vocabulary, or the slots are too few.
        """
        feeds, parent = self._begin(prompt)
        wanted: list[list[int]] = [[]]
        root = len(feeds)
        feeds.append(_Feed(prompt[-1], parent, wanted[0]))
        children: dict[tuple[int, int], int] = {}
        found: list[list[tuple[int, int]]] = []
        for continuation in continuations:
            node, places = root, []
            for index, token in enumerate(continuation):
                places.append((node, len(wanted[node - root])))
                wanted[node - root].append(token)
                if index + 1 == len(continuation):
                    break
                if (child := children.get((node, token))) is None:
                    child = children[node, token] = len(feeds)
                    wanted.append([])
                    feeds.append(_Feed(token, self._used + node, wanted[-1]))
                node = child
            found.append(places)
        rows = self._run(feeds, cancelled)
        return [[float(rows[node][at]) for node, at in places] for places in found]

    def generate(
        self,
        prompt: Sequence[int],
        *,
        max_tokens: int,
        stop_ids: Sequence[int] = (),
        cancelled: Callable[[], bool] = never,
    ) -> list[int]:
        """The most probable free continuation, without the stop token that ended it.

        Raises:
            Cancelled: `cancelled` said yes.
            ModelError: A token is not in the vocabulary, or the slots are too few.
        """
        feeds, parent = self._begin(prompt)
        token = prompt[-1]
        tokens: list[int] = []
        while len(tokens) < max_tokens:
            feeds.append(_Feed(token, parent, slice(None)))
            token = int(self._run(feeds, cancelled)[-1].argmax())
            if token in stop_ids:
                break
            tokens.append(token)
            self._count(decoded=1)
            feeds, parent = [], self._used - 1
        return tokens

    def hold(self, prefix: Sequence[int], *, cancelled: Callable[[], bool] = never) -> None:
        """Makes the constant beginning of all prompts ready: kept from an earlier start, or made.

        Raises:
            Cancelled: `cancelled` said yes.
            ModelError: A token is not in the vocabulary, or the slots are too few.
        """
        feeds, _ = self._begin([*prefix, 0])  # some token comes after it
        if self._used == 0 and self._network.recall(prefix):
            self._note(feeds)
            self._used = len(prefix)
        elif feeds:
            self._run(feeds, cancelled)
            self._network.keep(prefix)

    def _count(self, *, steps: int = 0, decoded: int = 0, forced: int = 0) -> None:
        old = self._stats
        self._stats = replace(
            old,
            steps=old.steps + steps,
            decoded_tokens=old.decoded_tokens + decoded,
            forced_tokens=old.forced_tokens + forced,
        )

    def _begin(self, prompt: Sequence[int]) -> tuple[list[_Feed], int]:
        """Keeps the slots that fit the prompt; what to feed of it, and its last token's parent."""
        if not 0 < len(prompt) <= self._network.n_ctx:
            raise ModelError(
                f"a prompt of {len(prompt)} tokens: legal are 1 to {self._network.n_ctx}"
            )
        kept = 0
        # The last token is always fed again: its logits were not kept.
        for slot, token in enumerate(prompt[: min(self._used, len(prompt) - 1)]):
            if self._tokens[slot] != token or self._parents[slot] != slot - 1:
                break
            kept += 1
        self._used = kept
        self._stats = Stats(prompt_tokens=len(prompt), cached_tokens=kept)
        feeds = [_Feed(prompt[slot], slot - 1) for slot in range(kept, len(prompt) - 1)]
        return feeds, len(prompt) - 2

    def _run(self, feeds: Sequence[_Feed], cancelled: Callable[[], bool]) -> list[Floats]:
        """Feeds tokens in as few steps as possible; each one's wanted log-probs."""
        found: list[Floats] = []
        size = self._network.max_tokens
        for at in range(0, len(feeds), size):
            if cancelled():
                raise Cancelled("the decode was cancelled")
            found += self._step(feeds[at : at + size])
        return found

    def _step(self, feeds: Sequence[_Feed]) -> list[Floats]:
        start, end = self._used, self._used + len(feeds)
        if end > self._network.n_ctx:
            raise ModelError(
                f"{end} tokens do not fit the context of {self._network.n_ctx}: "
                "use a shorter prompt, fewer branches or a larger context"
            )
        for feed in feeds:
            self._check(feed)
        self._note(feeds)
        rows = [row for row, feed in enumerate(feeds) if feed.wanted]
        logits = self._network.step(
            [feed.token for feed in feeds],
            self._positions[start:end].tolist(),
            self._sees[start:end, :end],
            start,
            rows,
        )
        self._used = end
        self._count(steps=1)
        found = [np.empty(0, np.float32)] * len(feeds)
        for row, line in zip(rows, logits, strict=True):
            top = line.max()
            total = top + np.log(np.exp(line - top).sum())
            if not np.isfinite(total):
                raise ModelError("the network computed numbers that are not finite")
            wanted = feeds[row].wanted
            found[row] = line[wanted if isinstance(wanted, slice) else list(wanted)] - total
        return found

    def _note(self, feeds: Sequence[_Feed]) -> None:
        """Says what the next slots hold."""
        for slot, feed in enumerate(feeds, self._used):
            first = feed.parent < 0
            self._tokens[slot], self._parents[slot] = feed.token, feed.parent
            self._positions[slot] = 0 if first else self._positions[feed.parent] + 1
            self._sees[slot] = False if first else self._sees[feed.parent]
            self._sees[slot, slot] = True

    def _check(self, feed: _Feed) -> None:
        wanted = () if isinstance(feed.wanted, slice) else feed.wanted
        lowest, highest = min(feed.token, *wanted, 0), max(feed.token, *wanted, 0)
        if lowest < 0 or highest >= self._network.vocab_size:
            raise ModelError(
                f"token {lowest if lowest < 0 else highest} is not in the vocabulary: "
                f"legal are 0 to {self._network.vocab_size - 1}"
            )


def _forced(state: State, room: int) -> tuple[tuple[int, ...], State]:
    """The tokens that the grammar dictates from here, at most `room`, and where they lead."""
    forced: list[int] = []
    edges = state.edges
    while len(edges) == 1 and len(forced) < room:
        ((token, state),) = edges.items()
        forced.append(token)
        edges = state.edges
    return tuple(forced), state
