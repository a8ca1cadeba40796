"""Which device a setting means, and what is said where it means none."""

import re
import subprocess
import sys

import pytest
from fake_portaudio import FakeDevice, FakePortAudio

from edge_agent.errors import VoiceError
from edge_agent.voice.audio import Audio, Direction

HDA = FakeDevice("HDA Intel PCH: ALC257 Analog (hw:0,0)", inputs=2, outputs=2)
HDMI = FakeDevice("HDA Intel PCH: HDMI 0 (hw:0,3)", outputs=8)
YETI = FakeDevice("Blue Yeti: USB Audio (hw:1,0)", inputs=2)
SYSDEFAULT = FakeDevice("sysdefault", inputs=128, outputs=128)
DEFAULT = FakeDevice("default", inputs=128, outputs=128)


@pytest.fixture
def audio() -> Audio:
    return Audio(FakePortAudio(HDMI, HDA, YETI, SYSDEFAULT, DEFAULT))


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("yeti", YETI.name),
        ("BLUE YETI", YETI.name),
        ("default", "default"),  # exactly this name, though it is a part of another
        (2, YETI.name),
        ("2", YETI.name),
        (None, HDA.name),
        ("hda intel", HDA.name),  # the other one of this name cannot hear
    ],
)
def test_a_setting_names_a_microphone(audio, wanted, name) -> None:
    assert audio.find(wanted, Direction.INPUT).name == name


def test_a_wrong_name_is_answered_with_the_right_ones(audio) -> None:
    with pytest.raises(VoiceError) as caught:
        audio.find("snowball", Direction.INPUT)
    text = str(caught.value)
    assert "no microphone 'snowball'" in text
    assert all(device.name in text for device in (HDA, YETI, SYSDEFAULT, DEFAULT))
    assert HDMI.name not in text


@pytest.mark.parametrize("wanted", [0, 7, -1, "0"])
def test_an_index_of_no_microphone_is_refused(audio, wanted) -> None:
    with pytest.raises(VoiceError, match="there are: 'HDA Intel"):
        audio.find(wanted, Direction.INPUT)


def test_a_name_that_fits_several_is_refused(audio) -> None:
    with pytest.raises(VoiceError, match=r"may be any of the speakers .*HDMI.*ALC257"):
        audio.find("hda intel", Direction.OUTPUT)


def test_two_devices_of_one_name_are_as_good_as_one() -> None:
    """A device is listed once for every sound system below PortAudio."""
    again = FakeDevice(YETI.name, inputs=2)
    assert Audio(FakePortAudio(YETI, again)).find("yeti", Direction.INPUT).index == 0


@pytest.mark.parametrize("wanted", [None, "yeti", 3])
def test_a_machine_without_a_microphone_says_so(wanted) -> None:
    with pytest.raises(VoiceError, match="no microphone is connected"):
        Audio(FakePortAudio(HDMI)).find(wanted, Direction.INPUT)


def test_a_device_that_is_busy_is_named() -> None:
    audio = Audio(FakePortAudio(FakeDevice("Yeti", inputs=1, busy=True)))
    with pytest.raises(VoiceError, match=r"microphone 'Yeti' cannot be opened: .*unavailable"):
        audio.open("yeti", Direction.INPUT, print)


def test_devices_are_looked_for_anew_after_a_failure() -> None:
    portaudio = FakePortAudio(HDMI)
    audio = Audio(portaudio)
    with pytest.raises(VoiceError):
        audio.find("yeti", Direction.INPUT)
    portaudio.plug(YETI)
    assert audio.find("yeti", Direction.INPUT).name == YETI.name


def test_devices_are_not_looked_for_while_a_stream_is_open() -> None:
    portaudio = FakePortAudio(HDMI)
    audio = Audio(portaudio)
    speaking = audio.open(None, Direction.OUTPUT, print)
    with pytest.raises(VoiceError):
        audio.find("yeti", Direction.INPUT)
    portaudio.plug(YETI)
    with pytest.raises(VoiceError):
        audio.find("yeti", Direction.INPUT)
    assert portaudio.starts == 1
    audio.close(speaking.stream)
    assert audio.find("yeti", Direction.INPUT).name == YETI.name


def test_a_sound_system_that_does_not_start_again_is_tried_again() -> None:
    portaudio = FakePortAudio(YETI)
    audio = Audio(portaudio)
    with pytest.raises(VoiceError):
        audio.find("snowball", Direction.INPUT)
    start, terminated = portaudio._initialize, []

    def refuse() -> None:
        raise portaudio.PortAudioError("Error initializing PortAudio", -9999)

    portaudio._initialize, portaudio._terminate = refuse, lambda: terminated.append(1)
    with pytest.raises(VoiceError, match="does not start"):
        audio.find("yeti", Direction.INPUT)
    portaudio._initialize = start
    assert audio.find("yeti", Direction.INPUT).name == YETI.name
    assert terminated == [1], "what does not run must not be ended"


@pytest.mark.parametrize(
    ("broken", "advice"),
    [
        ("raise ImportError", r"extra \[voice\]"),
        ("raise OSError('PortAudio library not found')", "apt-get install libportaudio2"),
        ("raise RuntimeError('no sound')", "does not start: no sound"),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(tmp_path, broken, advice) -> None:
    (tmp_path / "sounddevice.py").write_text(broken)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from edge_agent.errors import VoiceError\n"
        "from edge_agent.voice.audio import Audio\n"
        "try: Audio.system()\n"
        "except VoiceError as error: print(error)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert re.search(advice, ran.stdout), ran.stderr
