"""Every error that edge-agent raises on purpose; one class a layer."""


class EdgeAgentError(Exception):
    """Base class: its text is a sentence for a person."""


class ConfigError(EdgeAgentError):
    """A configuration that cannot be used; the text names file, key and legal values."""


class DeviceError(EdgeAgentError):
    """A payload or a command that a device adapter refuses."""


class ModelError(EdgeAgentError):
    """A model file that cannot be used, or a decode that cannot go on."""


class MqttError(EdgeAgentError):
    """A broker that cannot be used as configured."""


class PlanError(EdgeAgentError):
    """A command that no device of this registry can execute."""


class FactoryError(EdgeAgentError):
    """Data, a checkpoint or a setting that a model cannot be made from."""


class VoiceError(EdgeAgentError):
    """A microphone, a speaker or an engine of the voice that cannot be used."""
