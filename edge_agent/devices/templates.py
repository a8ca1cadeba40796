"""Runs the Jinja2 templates of discovery messages, which strangers wrote, within tight limits.

What a template may do is a closed list: no statements that define or import, no unlisted filter
or method, every loop paid from one budget, every value small. A template that wants more raises
DeviceError. Knows nothing of topics or entities.
"""

from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, Final, Protocol, runtime_checkable

from jinja2 import Undefined, UndefinedError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from edge_agent.devices.template_filters import FILTERS, GLOBALS, check_size, joined, replaced
from edge_agent.errors import DeviceError

MAX_SOURCE: Final = 4096
MAX_OUTPUT: Final = 4096
_MAX_STEPS: Final = 5000  # loop rounds x nodes in the loop's body, of one rendering
_MAX_NESTING: Final = 40  # of brackets; the compilers below us give up slowly
_MAX_TOKENS: Final = 400
_CACHED: Final = 1024

# Names with a space cannot be written in a template, so no template reaches or replaces them.
_BOUNDED: Final = "bounded loop"
_SIZED: Final = "sized container"
_GLUED: Final = "glued text"
_STEPS: Final = "steps left"

_REFUSED: Final = (
    nodes.AssignBlock,
    nodes.Block,
    nodes.CallBlock,
    nodes.Extends,
    nodes.FilterBlock,
    nodes.FromImport,
    nodes.Import,
    nodes.Include,
    nodes.Macro,
    nodes.ScopedEvalContextModifier,
)
_METHODS: Final = frozenset(
    {
        *("capitalize", "endswith", "lower", "lstrip", "rstrip", "split", "startswith", "strip"),
        *("title", "upper", "get", "items", "keys", "values"),
    }
)
_ARITHMETIC: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}


@runtime_checkable
class Rendering(Protocol):
    """Anything that makes a text of variables."""

    def render(self, **variables: Any) -> str:
        """The text.

        Raises:
            DeviceError: It failed.
        """
        ...


class Template:
    """One compiled template."""

    def __init__(self, compiled: Any) -> None:
        """Wraps a template that Jinja2 compiled."""
        self._compiled = compiled

    def render(self, **variables: Any) -> str:
        """The text that the template makes of the variables.

        Raises:
            DeviceError: It failed, or it wanted more than it may have.
        """
        parts: list[str] = []
        length = 0
        try:
            for part in self._compiled.generate({**variables, _STEPS: [_MAX_STEPS]}):
                length += len(part)
                if length > MAX_OUTPUT:
                    break
                parts.append(part)
        except Exception as error:
            raise DeviceError(f"the template fails: {_reason(error)}") from error
        if length > MAX_OUTPUT:
            raise DeviceError(f"the template's output is longer than {MAX_OUTPUT} characters")
        return "".join(parts).strip()


class Templates:
    """Compiles templates and keeps them: the same source is compiled once."""

    def __init__(self) -> None:
        """Builds the sandbox."""
        self._environment = _Sandbox()
        self._compiled: dict[tuple[str, frozenset[str]], Template] = {}

    def compile(self, source: str, variables: Iterable[str] = ("value", "value_json")) -> Template:
        """The template, fit to be rendered with these variables.

        Raises:
            DeviceError: It is too long, damaged, or uses what is not offered here.
        """
        if len(source) > MAX_SOURCE:
            raise DeviceError(f"the template is longer than {MAX_SOURCE} characters")
        offered = frozenset(variables)
        known = self._compiled.get((source, offered))
        if known is not None:
            return known
        template = self._checked(source, offered)
        if len(self._compiled) >= _CACHED:
            self._compiled.clear()
        self._compiled[source, offered] = template
        return template

    def _checked(self, source: str, offered: frozenset[str]) -> Template:
        try:
            self._check_shape(source)
            tree = self._environment.parse(source)
            _Limiter(offered | GLOBALS.keys()).limit(tree)
            code = self._environment.compile(tree)
            compiled = self._environment.template_class.from_code(
                self._environment, code, dict(GLOBALS)
            )
        except Exception as error:
            raise DeviceError(f"the template is refused: {_reason(error)}") from error
        template = Template(compiled)
        try:
            template.render(**dict.fromkeys(offered, "0") | {"value_json": {}})
        except DeviceError as error:
            # Data of another shape may suit it; what is over a limit or forbidden never does.
            if isinstance(error.__cause__, (DeviceError, SecurityError, MemoryError, NoneType)):
                raise
        return template

    def _check_shape(self, source: str) -> None:
        """Refuse what is slow to parse: brackets that nest deeply, and very many tokens."""
        depth = 0
        for char in source:
            depth += (char in "([{") - (char in ")]}")
            if depth > _MAX_NESTING:
                raise DeviceError("it is nested too deeply")
        tokens = (kind for _, kind, _ in self._environment.lex(source) if kind != "whitespace")
        if any(number >= _MAX_TOKENS for number, _ in enumerate(tokens)):
            raise DeviceError(f"it has more than {_MAX_TOKENS} parts")


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox with closed lists of filters, methods and operators."""

    intercepted_binops = frozenset({"+", "**", *_ARITHMETIC})

    def __init__(self) -> None:
        super().__init__(autoescape=False, cache_size=0, optimized=False, finalize=_finalize)
        self.globals.clear()
        self.filters.clear()
        self.filters.update(FILTERS)
        self.filters.update({_BOUNDED: _bounded, _SIZED: check_size, _GLUED: _glued})

    def call_binop(self, _context: Context, operator: str, left: Any, right: Any) -> Any:
        """The result of an operator, refused where it could be large."""
        if operator == "+":
            return check_size(check_size(left) + check_size(right))
        if operator in "%**" and any(
            isinstance(side, (str, list, tuple)) for side in (left, right)
        ):
            raise SecurityError(f"{operator} takes numbers")
        if operator == "**":
            if abs(right) > 64:
                raise SecurityError("an exponent goes up to 64")
            return check_size(check_size(left) ** right)
        return check_size(_ARITHMETIC[operator](left, right))

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Nothing: what the sandbox hides is an error here, never an empty text."""
        raise SecurityError(f"{attribute[:40]!r} of {type(obj).__name__} is not offered")

    def call(self, _context: Context, target: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call one of the offered functions or methods."""
        if isinstance(target, Undefined):
            raise UndefinedError("a function is missing")
        owner = getattr(target, "__self__", None)
        if type(owner) in {str, dict}:
            match getattr(target, "__name__", ""):
                case "replace":
                    return replaced(owner, *args, **kwargs)
                case "join":
                    return joined(args[0], owner)
                case method if method in _METHODS:
                    return target(*args, **kwargs)
        if any(target is offered for offered in GLOBALS.values()):
            return target(*args, **kwargs)
        raise SecurityError("this function is not offered")


class _Limiter(NodeTransformer):
    """Rewrites a parsed template so that loops and containers are paid for, or refuses it."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = {*known, "loop"}

    def limit(self, tree: nodes.Template) -> None:
        """Rewrite the tree in place."""
        stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
        for name in tree.find_all(nodes.Name):
            if name.name not in self._known | stored:
                raise DeviceError(f"it uses {name.name[:40]!r}, which is not offered")
        for node in tree.find_all(_REFUSED):
            raise DeviceError(f"it may not use {type(node).__name__.lower()}")
        self.visit(tree)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja2's own naming
        """A loop takes its rounds from the budget before it starts."""
        if node.recursive:
            raise DeviceError("it may not use a recursive loop")
        cost = 1 + sum(1 for _ in node.find_all(nodes.Node))
        node = self.generic_visit(node)
        node.iter = _filter(_BOUNDED, node.iter, nodes.Const(cost))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        """Text that is glued together stays small."""
        node = self.generic_visit(node)
        return _filter(_GLUED, nodes.List(node.nodes, lineno=node.lineno))

    def _container(self, node: nodes.Node) -> nodes.Node:
        return _filter(_SIZED, self.generic_visit(node))

    visit_List = visit_Tuple = visit_Dict = _container  # noqa: N815

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        """Visit the children, but leave the targets of assignments as they are."""
        if isinstance(node, nodes.Tuple) and node.ctx != "load":
            return node
        return super().generic_visit(node, *args, **kwargs)


def _filter(name: str, value: nodes.Node, *args: nodes.Expr) -> nodes.Filter:
    if isinstance(value, nodes.Tuple) and value.ctx != "load":
        return value  # type: ignore[return-value]  # a target, not a value
    made = nodes.Filter(value, name, list(args), [], None, None, lineno=value.lineno)
    if value.environment is not None:
        made.set_environment(value.environment)
    return made


@pass_context
def _bounded(context: Context, items: Any, cost: int) -> list[Any]:
    """The items of a loop, if its rounds are within what is left of the budget."""
    budget = context[_STEPS]
    if isinstance(items, Undefined):
        items = ()
    length = len(items)
    budget[0] -= length * cost
    if budget[0] < 0:
        raise SecurityError("its loops run too long")
    return list(items)


def _glued(parts: list[Any]) -> str:
    return joined([_finalize(part) for part in parts], "")


def _finalize(value: Any) -> Any:
    """A value as it may be printed: containers only while they are small."""
    if isinstance(value, (str, int, float, Undefined)) or value is None:
        return value
    return str(check_size(value))


def _reason(error: BaseException) -> str:
    return f"{str(error)[:200] or type(error).__name__}"
