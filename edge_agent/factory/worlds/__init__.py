"""Invented homes, cars and appliances: registries like those the daemon sees, by the thousand.

Knows how things are named and what they can do; not how people talk of them.
"""

from edge_agent.factory.sentences.bank import Split
from edge_agent.factory.worlds.appliance import invent_appliance
from edge_agent.factory.worlds.archetypes import Archetypes, load_archetypes
from edge_agent.factory.worlds.car import invent_car
from edge_agent.factory.worlds.home import invent_home
from edge_agent.factory.worlds.names import NameBank, load_names

__all__ = [
    "Archetypes",
    "NameBank",
    "Split",
    "invent_appliance",
    "invent_car",
    "invent_home",
    "load_archetypes",
    "load_names",
]
