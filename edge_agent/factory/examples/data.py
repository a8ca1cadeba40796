"""Data sets on disk: cases as text, a line each, and packed as the tokens of one vocabulary.

Written in parallel by seeds and in one go; a run that was killed leaves no half a file.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import msgspec

from edge_agent.core.registry import Registry
from edge_agent.errors import FactoryError
from edge_agent.factory.examples.packed import PackedWriter, vocabulary_name
from edge_agent.factory.examples.vocabulary import TokenVocabulary
from edge_agent.factory.processes import spread
from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.sentences.cases import WORLDS, cases, load_source
from edge_agent.language.prompt import CANDIDATES, Context, Mark, Piece
from edge_agent.slm.tokenizer import Tokenizer


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case as text."""

    text: str
    output: str
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    area: str | None
    before: str | None
    what: str
    style: str
    how: str
    commands: int
    sort: str
    devices: int

    @property
    def context(self) -> Context:
        """What the model is shown beside the sentence."""
        return Context(self.kinds, self.names, self.area, self.before)


MakeLines: TypeAlias = Callable[[Split, int, int], Iterator[Line]]
"""(split, seed, count) -> cases as text."""


def lines(
    split: Split,
    seed: int,
    count: int,
    *,
    worlds: Mapping[str, float] = WORLDS,
    own: Registry | None = None,
) -> Iterator[Line]:
    """Cases as text; the same seed gives the same ones. The rest as for `cases`."""
    found = cases(load_source(), split, seed, worlds=worlds, own=own)
    for case, world in islice(found, count):
        context = case.context
        yield Line(
            case.text,
            case.output,
            tuple(context.kinds),
            tuple(context.names),
            context.area,
            context.before,
            case.what,
            case.style,
            case.how,
            case.commands,
            world.sort,
            world.devices,
        )


def _write(job: tuple[Path, Split, int, int, MakeLines]) -> Path:
    path, split, seed, count, make = job
    partial = path.with_name(f"{path.name}.partial")
    encoder = msgspec.json.Encoder()
    try:
        with partial.open("wb") as file:
            for line in make(split, seed, count):
                file.write(encoder.encode(line) + b"\n")
        partial.rename(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _unwritable(path, error) from error
    return path


def _unwritable(path: Path, error: OSError) -> FactoryError:
    return FactoryError(f"{path}: cannot be written: {error.strerror or error}")


def write_lines(
    directory: Path,
    split: Split,
    *,
    seed: int,
    count: int,
    parts: int,
    processes: int = 1,
    make: MakeLines = lines,
    tell: Callable[[str], None] = lambda _: None,
) -> Sequence[Path]:
    """A data set as `parts` files of JSON lines; those that are there already are kept.

    Args:
        directory: Where they are.
        split: Whose phrasings and names are used.
        seed: Of the first part; the others count on from it.
        count: Lines in all.
        parts: Into how many files.
        processes: How many of them are written at once.
        make: Makes the lines; other processes get it pickled.
        tell: Hears of each finished part.

    Raises:
        FactoryError: The disk is full, the bank is wrong, or a process was killed.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(directory, error) from error
    paths = [directory / f"{split}-{seed + part:05d}.jsonl" for part in range(parts)]
    jobs = [
        (path, split, seed + part, -(-count // parts), make)
        for part, path in enumerate(paths)
        if not path.exists()
    ]
    for done, (_, path) in enumerate(spread(_write, jobs, processes), 1):
        tell(f"{path.name} ({done}/{len(jobs)})")
    return paths


def read_lines(paths: Iterable[Path]) -> Iterator[Line]:
    """The lines of a data set.

    Raises:
        FactoryError: A file is missing or damaged; the text names the line.
    """
    decoder = msgspec.json.Decoder(Line)
    for path in paths:
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    try:
                        yield decoder.decode(line)
                    except msgspec.DecodeError as error:
                        raise FactoryError(f"{path}: line {number}: {error}") from error
        except OSError as error:
            raise FactoryError(f"{path}: cannot be read: {error.strerror or error}") from error


def pieces(line: Line, form: str = "candidates") -> Sequence[Piece]:
    """The prompt of a line.

    Args:
        line: The case.
        form: `candidates` is the daemon's; `utterance` leaves the names out, and `after` puts
            them behind the sentence: the two that it was compared with.
    """
    if form == "utterance":
        return CANDIDATES.tail(line.text, Context(line.kinds, (), line.area, line.before))
    whole = CANDIDATES.tail(line.text, line.context)
    if form == "after":
        said = whole.index(Mark.SAID)
        return (*whole[said:-1], *whole[:said], Mark.DO)
    if form != "candidates":
        raise FactoryError(f"prompt form {form!r}; legal: candidates, utterance, after")
    return whole


class Packer:
    """Turns lines into token ids."""

    def __init__(self, tokenizer: Tokenizer, form: str = "candidates") -> None:
        """Keeps what was encoded once: names and words come again and again."""
        self._tokenizer = tokenizer
        self._form = form
        self._known: dict[str, tuple[int, ...]] = {}
        self._end = tokenizer.special(Mark.END)

    def prompt(self, line: Line) -> list[int]:
        """The ids of a line's prompt."""
        ids: list[int] = []
        for piece in pieces(line, self._form):
            if isinstance(piece, Mark):
                ids.append(self._tokenizer.special(piece))
            else:
                ids.extend(self._encode(piece))
        return ids

    def output(self, line: Line) -> list[int]:
        """The ids of a line's output, with the end."""
        return [*self._tokenizer.encode(f" {line.output}"), self._end]

    def _encode(self, text: str) -> tuple[int, ...]:
        if len(self._known) > 200_000:
            self._known.clear()
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = tuple(self._tokenizer.encode(text))
        return found


def pack(
    paths: Sequence[Path],
    target: Path,
    vocabulary: TokenVocabulary,
    *,
    form: str = "candidates",
    longest: int = 320,
) -> int:
    """A packed data set from files of lines; how many lines were too long for it."""
    packer = Packer(vocabulary.tokenizer(), form)
    left_out = 0
    name, size = vocabulary_name(vocabulary.tokens), len(vocabulary.tokens)
    with PackedWriter(target, vocabulary=name, vocab_size=size) as writer:
        for line in read_lines(paths):
            prompt, output = packer.prompt(line), packer.output(line)
            if len(prompt) + len(output) > longest:
                left_out += 1
                continue
            writer.add(prompt, output)
    return left_out


def corpus(paths: Iterable[Path]) -> Iterator[tuple[str, float]]:
    """The texts of a data set as the model sees them, for choosing its tokens.

    What is said weighs most: names come again and again, and are shown more often than used.
    """
    for line in read_lines(paths):
        yield f" {line.text}", 3.0
        yield f" {line.output}", 3.0
        for name in line.names:
            yield f" {name}", 0.3
        for kind in line.kinds:
            yield f" {kind}", 0.1
