"""edge-agent: a local language-model daemon for smart homes and cars over MQTT."""

__version__ = "0.1.0"
