"""What discovery announced, kept: who owns which id and topic, how each entity is read and set.

Every translator that learns its devices from messages is one of these; it knows the messages,
this knows what came of them. What a light or a lock is, is known by the builders beside it.
"""

from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, Sequence
from typing import Final, TypeAlias

from edge_agent.core.command import Command
from edge_agent.core.entity import Area, Attribute, Entity, Kind, Value
from edge_agent.core.names import slug
from edge_agent.core.registry import Changes
from edge_agent.core.state import Availability, Observation
from edge_agent.devices.adapter import Outgoing
from edge_agent.devices.ha import air, light, media, opening, robot, sensor, simple
from edge_agent.devices.ha.availability import expiry_of, places_of, reachable
from edge_agent.devices.ha.binding import Binding, Draft, Message, Readings
from edge_agent.devices.ha.discovery import Component
from edge_agent.devices.ha.identity import Identity, identify
from edge_agent.devices.ha.media import Member
from edge_agent.devices.ha.settings import Settings
from edge_agent.devices.templates import Templates
from edge_agent.errors import DeviceError

BUILDERS: Final[Mapping[str, Callable[[Draft], None]]] = {
    "alarm_control_panel": opening.alarm,
    "binary_sensor": sensor.binary_sensor,
    "button": simple.button,
    "climate": air.climate,
    "cover": opening.cover,
    "device_tracker": sensor.device_tracker,
    "fan": air.fan,
    "humidifier": air.humidifier,
    "lawn_mower": robot.lawn_mower,
    "light": light.light,
    "lock": opening.lock,
    "media_player": media.media_player,
    "number": simple.number,
    "scene": simple.scene,
    "select": simple.select,
    "sensor": sensor.sensor,
    "siren": simple.siren,
    "switch": simple.switch,
    "text": simple.text,
    "vacuum": robot.vacuum,
    "valve": opening.valve,
    "water_heater": air.water_heater,
}
"""By component; the others of Home Assistant (event, update, camera, ...) are ignored."""

_LEVELS: Final = (Attribute.BRIGHTNESS, Attribute.SPEED)
_MAX_ENTITIES: Final = 5000
_Key: TypeAlias = tuple[str, str]
"""Source (a discovery topic, say) and component key: what an entity is updated and removed by."""


class Catalogue:
    """Everything that one translator was told of."""

    def __init__(self, reserved: Sequence[str]) -> None:
        """Starts knowing nothing.

        Args:
            reserved: Topic prefixes that no device may be commanded on.
        """
        self._reserved = tuple(reserved)
        self._templates = Templates()
        self._members: dict[_Key, Member] = {}
        self._told: dict[str, dict[str, Component]] = {}  # what the members were made of, by source
        self._device_names: dict[str, str] = {}
        self._by_device: dict[str, dict[_Key, Member]] = {}
        self._owners: dict[str, _Key] = {}  # entity ids
        self._unique: dict[tuple[str, str], _Key] = {}  # component and unique_id
        self._unique_of: dict[_Key, tuple[str, str]] = {}
        self._areas: dict[_Key, Area] = {}
        self.migrating: set[str] = set()
        """Sources that another one may take entities over from."""
        self._bindings: dict[str, Binding] = {}
        self._shown: dict[str, tuple[str, ...]] = {}  # entity ids by device
        self._routes: dict[str, dict[str, None]] = {}  # entity ids by state topic
        self._state_topics: frozenset[str] = frozenset()
        self._levels: dict[str, dict[str, Value | None]] = {}  # last reported, by entity
        self._off: set[str] = set()
        self._heard: dict[str, dict[str, bool]] = {}  # availability by entity and topic

    @property
    def state_topics(self) -> frozenset[str]:
        """Topics whose messages go to `observe`; changes with discovery."""
        return self._state_topics

    @property
    def command_topics(self) -> frozenset[str]:
        """Every topic that `messages` may publish to."""
        return frozenset().union(*(known.command_topics for known in self._bindings.values()))

    def expiry(self, entity: str) -> float | None:
        """Seconds after which an observation of the entity no longer counts; None for never."""
        binding = self._bindings.get(entity)
        return binding.expire_after if binding else None

    def known(self) -> Changes:
        """Everything that is known so far, as one change to an empty registry."""
        entities = tuple(binding.entity for binding in self._bindings.values())
        return Changes(upsert=entities, areas=tuple(dict.fromkeys(self._areas.values())))

    def level(self, entity: str) -> Value | None:
        """The brightness or speed that an entity reported last, or will have when it is on."""
        levels = self._levels.get(entity, {})
        return next((levels[level] for level in _LEVELS if levels.get(level) is not None), None)

    @property
    def sources(self) -> KeysView[str]:
        """Where the known entities come from."""
        return self._told.keys()

    def announce(self, source: str, found: Iterable[Component]) -> Changes:
        """What a source says of some of its components: they are added, updated or removed."""
        return self._announce(((source, component) for component in found), {})

    def replace(self, told: Mapping[str, Sequence[Component]]) -> Changes:
        """All that each of these sources has; what it does not name any more is removed."""
        touched: dict[str, None] = {}
        for source, found in told.items():
            same = {component.key: component for component in found}
            for key, component in tuple(self._told.get(source, {}).items()):
                # Gone before anything is taken, so that names can change hands.
                if same.get(key) != component:
                    touched[self._drop((source, key))] = None
        pairs = ((source, component) for source, found in told.items() for component in found)
        return self._announce(pairs, touched)

    def _announce(self, told: Iterable[tuple[str, Component]], touched: dict[str, None]) -> Changes:
        problems: list[str] = []
        areas: list[Area] = []
        for source, component in told:
            if self._told.get(source, {}).get(component.key) == component:
                continue
            try:
                touched.update(self._take((source, component.key), component, areas, problems))
            except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
                # The builders check what they read; this is the net for what they missed.
                problems.append(f"{source}: it cannot be read ({type(error).__name__})")
        return self._settle(touched, areas, problems)

    def observe(self, topic: str, payload: bytes) -> tuple[Observation | Availability, ...]:
        """What a state message says; empty for what cannot be read."""
        interested = self._routes.get(topic)
        if not interested:
            return ()
        try:
            message = Message(payload)
        except DeviceError:
            return ()
        said: list[Observation | Availability] = []
        for entity in interested:
            said.extend(self._said(self._bindings[entity], topic, message))
        return tuple(said)

    def messages(self, command: Command) -> tuple[Outgoing, ...]:
        """The messages that carry out a command, in order.

        Raises:
            DeviceError: The entity cannot do that; the text names the legal values.
        """
        binding = self._bindings.get(command.entity)
        if binding is None:
            raise DeviceError(f"{command.entity} is not known here")
        entity = binding.entity
        capability = entity.capability(command.attribute)
        setter = binding.setters.get(command.attribute)
        if capability is None or setter is None or not capability.settable:
            able = ", ".join(binding.setters) or entity.problem or "nothing"
            raise DeviceError(f"{entity.name} cannot set {command.attribute}; it can set {able}")
        if command.value not in capability.domain:
            legal = capability.domain.describe()
            raise DeviceError(f"{entity.name} {command.attribute} must be {legal}")
        return tuple(setter(command.value))

    def _take(
        self, key: _Key, component: Component, areas: list[Area], problems: list[str]
    ) -> Iterator[tuple[str, None]]:
        """Add, update or remove one component; yields the device keys it touched."""
        builder = BUILDERS.get(component.platform)
        if component.settings is None or builder is None:
            if key in self._members:
                yield self._drop(key), None
            return
        try:
            who = identify(component, component.settings)
            migrated = self._claim(key, component.platform, who)
            member = self._build(key, component, who, builder)
        except DeviceError as error:
            where = f"{key[0]} {key[1][:40]}".strip()
            problems.append(f"{where}: {error}")
            return
        if migrated is not None:
            yield migrated, None
        if key in self._members:
            yield self._drop(key), None
        yield self._keep(key, member, who, component), None
        if who.area is not None:
            self._areas[key] = who.area
            areas.append(who.area)
        if member.binding.entity.problem:
            problems.append(f"{member.binding.entity.id}: {member.binding.entity.problem}")

    def _claim(self, key: _Key, platform: str, who: Identity) -> str | None:
        """Refuse a unique id that another topic holds, unless that one is migrating to this."""
        owner = self._unique.get((platform, who.unique_id or ""))
        if owner is not None and owner != key:
            if owner[0] not in self.migrating:
                raise DeviceError("its unique_id belongs to another discovery message")
            return self._drop(owner)
        if key not in self._members and len(self._members) >= _MAX_ENTITIES:
            raise DeviceError(f"there are {_MAX_ENTITIES} entities already")
        return None

    def _build(
        self,
        key: _Key,
        component: Component,
        who: Identity,
        builder: Callable[[Draft], None],
    ) -> Member:
        free = (entity for entity in who.ids if self._owners.get(entity, key) == key)
        entity_id = next(free, None)
        if entity_id is None:
            raise DeviceError(f"its id {who.ids[0]} belongs to another discovery message")
        settings = Settings(component.settings or {}, self._templates, self._reserved)
        words = (who.name, *component.aliases, component.object_id.replace("_", " "))
        draft = Draft(settings, " ".join(words).lower())
        builder(draft)
        places = places_of(settings, draft)
        if not draft.capabilities:
            raise DeviceError(draft.problem or "it has nothing to read or to set")
        entity = Entity(
            entity_id,
            who.name,
            Kind.SENSOR,
            (),
            area=who.area.id if who.area else None,
            aliases=component.aliases,
            diagnostic=who.diagnostic,
            device=who.device,
        )
        binding = draft.bind(
            entity,
            places=places,
            availability_mode=settings.text("availability_mode", "latest"),
            expire_after=expiry_of(settings),
        ).mirrored(component.mirrors)
        return Member(component.platform, who.part, binding)

    def _keep(self, key: _Key, member: Member, who: Identity, component: Component) -> str:
        entity = member.binding.entity
        device = entity.device or f"{key[0]} {key[1]}"
        platform = component.platform
        self._members[key] = member
        self._told.setdefault(key[0], {})[key[1]] = component
        self._owners[entity.id] = key
        if who.unique_id is not None:
            self._unique[platform, who.unique_id] = key
            self._unique_of[key] = (platform, who.unique_id)
        self._by_device.setdefault(device, {})[key] = member
        self._device_names[device] = who.device_name
        return device

    def _drop(self, key: _Key) -> str:
        """Forget a component; the key of the device it belonged to."""
        entity = self._members.pop(key).binding.entity
        self._told[key[0]].pop(key[1])
        if not self._told[key[0]]:
            del self._told[key[0]]
        device = entity.device or f"{key[0]} {key[1]}"
        self._owners.pop(entity.id, None)
        self._areas.pop(key, None)
        self._unique.pop(self._unique_of.pop(key, ("", "")), None)
        self._by_device[device].pop(key, None)
        if not self._by_device[device]:
            del self._by_device[device]
            self._device_names.pop(device, None)
        return device

    def _settle(
        self, touched: Mapping[str, None], areas: Sequence[Area], problems: Sequence[str]
    ) -> Changes:
        """Bring the shown entities of the touched devices up to date."""
        if not touched:
            return Changes(problems=tuple(problems))
        upsert: list[Entity] = []
        remove: list[str] = []
        now = {device: {b.entity.id: b for b in self._visible(device)} for device in touched}
        for device, after in now.items():  # all of them first: an id may change hands
            for entity_id in self._shown.pop(device, ()):
                if entity_id not in after:
                    self._unroute(self._bindings.pop(entity_id))
                    remove.append(entity_id)
        for device, after in now.items():
            for entity_id, binding in after.items():
                known = self._bindings.get(entity_id)
                if known is None or known.entity != binding.entity:
                    upsert.append(binding.entity)
                if known is not None:
                    self._unroute(known)
                self._route(binding)
            if after:
                self._shown[device] = tuple(after)
        self._state_topics = frozenset(self._routes)
        kept = [entity for entity in remove if entity not in self._bindings]
        return Changes(tuple(upsert), tuple(kept), tuple(dict.fromkeys(areas)), tuple(problems))

    def _visible(self, device: str) -> list[Binding]:
        """The bindings of a device, those of a media player joined to one."""
        members = self._by_device.get(device, {})
        bindings = [member.binding for member in members.values()]
        name = self._device_names.get(device, "")
        player_id = f"media_player.{slug(device)}"
        if player_id in self._owners:
            return bindings
        joined = media.join(members.values(), name, player_id)
        if joined is None:
            return bindings
        player, replaced = joined
        return [player, *(known for known in bindings if known.entity.id not in replaced)]

    def _route(self, binding: Binding) -> None:
        self._bindings[binding.entity.id] = binding
        for topic in binding.state_topics:
            self._routes.setdefault(topic, {})[binding.entity.id] = None

    def _unroute(self, binding: Binding) -> None:
        self._heard.pop(binding.entity.id, None)
        self._levels.pop(binding.entity.id, None)
        self._off.discard(binding.entity.id)
        for topic in binding.state_topics:
            self._routes[topic].pop(binding.entity.id, None)
            if not self._routes[topic]:
                del self._routes[topic]

    def _said(
        self, binding: Binding, topic: str, message: Message
    ) -> Iterator[Observation | Availability]:
        entity = binding.entity
        for place in binding.places:
            if place.topic == topic and (available := place.read(message)) is not None:
                heard = self._heard.setdefault(entity.id, {})
                heard[topic] = available
                yield Availability(entity.id, reachable(binding, heard, available))
        for reader in binding.readers:
            if reader.topic == topic:
                for attribute, value in self._levelled(entity, reader.read(message)).items():
                    if entity.capability(attribute) is not None:
                        yield Observation(entity.id, str(attribute), value)

    def _levelled(self, entity: Entity, readings: Readings) -> Readings:
        """Readings in which off is no brightness and no speed, in whatever order they come.

        Devices go on reporting the level that they will have when they are on again.
        """
        reported = {str(level): readings[level] for level in _LEVELS if readings.get(level)}
        if reported:
            self._levels.setdefault(entity.id, {}).update(reported.items())
        match readings.get(Attribute.POWER):
            case "off":
                self._off.add(entity.id)
            case "on" if entity.id in self._off:
                self._off.discard(entity.id)
                known = self._levels.get(entity.id, {})
                return {**{level: known.get(level) for level in _LEVELS}, **readings}
        if reported and entity.id in self._off:
            return {**readings, **dict.fromkeys(reported, 0.0)}
        return readings
