"""The one picture of what exists: an immutable snapshot that every request is decided against.

A change makes a new snapshot with a higher version; a request keeps the one it started with.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Self, TypeVar

from edge_agent.core.entity import Area, Entity, Floor, Group
from edge_agent.core.names import clean_name, fold, slug


@dataclass(frozen=True, slots=True)
class Changes:
    """What a translator learnt about entities from one message."""

    upsert: tuple[Entity, ...] = ()
    remove: tuple[str, ...] = ()
    areas: tuple[Area, ...] = ()
    problems: tuple[str, ...] = ()
    """Sentences for the log and health: what was refused and why."""
    groups: tuple[Group, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.upsert or self.remove or self.areas or self.groups)


_T = TypeVar("_T")


def _frozen(items: Mapping[str, _T]) -> Mapping[str, _T]:
    return MappingProxyType(dict(items))


@dataclass(frozen=True, slots=True)
class Annotation:
    """What the configuration adds to an entity: its word wins over discovery."""

    name: str | None = None
    area: str | None = None
    aliases: tuple[str, ...] = ()
    hidden: bool = False


@dataclass(frozen=True)
class Registry:
    """Entities by id, areas, floors and groups, with a version that grows with every change."""

    version: int = 0
    entities: Mapping[str, Entity] = field(default_factory=lambda: _frozen({}))
    areas: Mapping[str, Area] = field(default_factory=lambda: _frozen({}))
    floors: Mapping[str, Floor] = field(default_factory=lambda: _frozen({}))
    groups: Mapping[str, Group] = field(default_factory=lambda: _frozen({}))
    annotations: Mapping[str, Annotation] = field(default_factory=lambda: _frozen({}))

    @classmethod
    def configured(
        cls,
        *,
        areas: Iterable[Area] = (),
        floors: Iterable[Floor] = (),
        groups: Iterable[Group] = (),
        annotations: Mapping[str, Annotation] | None = None,
    ) -> Self:
        """The registry as the configuration alone describes it, before any discovery."""
        return cls(
            areas=_frozen({area.id: area for area in areas}),
            floors=_frozen({floor.id: floor for floor in floors}),
            groups=_frozen({group.id: group for group in groups}),
            annotations=_frozen(annotations or {}),
        )

    def apply(self, changes: Changes) -> Self:
        """A snapshot with the changes in it; this very one where nothing differs."""
        entities = dict(self.entities)
        areas = dict(self.areas)
        # What the configuration calls so stays what it says.
        groups = {group.id: group for group in changes.groups} | dict(self.groups)
        for entity_id in changes.remove:
            entities.pop(entity_id, None)
        for area in changes.areas:
            areas.setdefault(area.id, area)
        for found in changes.upsert:
            entity = self._annotated(found)
            if entity is None:
                entities.pop(found.id, None)
                continue
            if entity.area is not None and entity.area not in areas:
                areas[entity.area] = Area(entity.area, entity.area.replace("_", " "))
            entities[entity.id] = entity
        known = (dict(self.entities), dict(self.areas), dict(self.groups))
        if (entities, areas, groups) == known:
            return self
        return replace(
            self,
            version=self.version + 1,
            entities=_frozen(entities),
            areas=_frozen(areas),
            groups=_frozen(groups),
        )

    def area_named(self, name: str | None) -> Area | None:
        """The area that a name, an alias or an id stands for."""
        if not name:
            return None
        wanted = fold(clean_name(name))
        for area in self.areas.values():
            if area.id == name or wanted in {fold(known) for known in area.names}:
                return area
        return self.areas.get(slug(wanted))

    def area_of(self, entity_id: str) -> Area | None:
        """The area of an entity, or None."""
        entity = self.entities.get(entity_id)
        return self.areas.get(entity.area) if entity and entity.area else None

    def spoken_name(self, entity_id: str) -> str:
        """The name to say; with its area where another entity has the same one."""
        entity = self.entities.get(entity_id)
        if entity is None:
            return entity_id
        name, area = fold(entity.name), self.area_of(entity_id)
        if self._namesakes[name] > 1 and area is not None and fold(area.name) not in name:
            return f"{area.name} {entity.name}"
        return entity.name

    @cached_property
    def _namesakes(self) -> Counter[str]:
        # Counted once a snapshot: "all lights" says hundreds of names.
        return Counter(fold(entity.name) for entity in self.entities.values())

    def _annotated(self, entity: Entity) -> Entity | None:
        note = self.annotations.get(entity.id)
        if note is None:
            return entity
        if note.hidden:
            return None
        return replace(
            entity,
            name=note.name or entity.name,
            area=note.area or entity.area,
            aliases=tuple(dict.fromkeys((*entity.aliases, *note.aliases))),
        )
