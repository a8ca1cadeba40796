"""Measures how much of what is no sentence for us is taken for one: noise, music, foreign speech.

    EDGE_AGENT_SPEECH_DATA=... python tests/voice/stray_sound.py --engine whisper --count 4

Each sound goes through the voice activity detector and the recogniser, as a recording does in
`edge-agent listen`, once with the closed menu of the coffee maker and once with the names of the
simulated home and car. `speech` is what the detector lets through, `sentences` what comes out as
text. `talk` is English about other things: for a menu that is no order either, for a home it is a
sentence, and the language model's to refuse.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from measured import Cache, Ears, arguments, coffee_maker, home_and_car, share, table
from spoken import VOICES, kitchen, music, noise, say

from edge_agent.voice.ports import RATE, Samples
from edge_agent.voice.vad import make_vad, speech_in

_FOREIGN: Mapping[str, Sequence[str]] = {
    "de": (
        "Kannst du bitte morgen den Wagen in die Werkstatt bringen?",
        "Ich habe gestern lange mit meiner Schwester telefoniert.",
        "Mach bitte das Licht in der Küche aus.",
        "Wie spät ist es denn eigentlich?",
        "Der Zug nach Hamburg hat heute zwanzig Minuten Verspätung.",
    ),
    "fr-fr": (
        "Je pense que nous devrions partir avant la nuit.",
        "Est-ce que tu peux fermer la fenêtre, s'il te plaît ?",
        "Un café au lait avec deux sucres, merci.",
        "Il fait beau aujourd'hui, allons au parc.",
        "Où as-tu mis les clés de la voiture ?",
    ),
    "es": (
        "Mañana vamos a la playa con los niños.",
        "¿Puedes encender la luz de la cocina?",
        "Me gustaría un café con leche, por favor.",
        "No sé dónde he dejado el teléfono.",
        "La reunión empieza a las nueve y media.",
    ),
    "it": (
        "Domani andiamo al mare con gli amici.",
        "Vorrei un cappuccino e un cornetto, per favore.",
        "Hai chiuso la porta del garage?",
        "Non mi ricordo più come si chiama quel film.",
        "Che ore sono adesso?",
    ),
    "cmn-latn-pinyin": (
        "jin1tian1 tian1qi4 hen3 hao3",
        "qing3 ni3 ba3 deng1 da3kai1",
        "wo3 xiang3 he1 yi1 bei1 ka1fei1",
        "ni3 ming2tian1 you3 shi2jian1 ma5",
        "ta1 zuo2tian1 qu4 le5 bei3jing1",
    ),
}
_TALK = (
    "I think my sister will visit us next weekend.",
    "Did you hear what happened at the station yesterday?",
    "The meeting was moved to Thursday afternoon.",
    "He said that the train would be late again.",
    "We should paint the fence before it rains.",
    "My father used to tell that story every winter.",
)


@dataclass
class Tally:
    """What came of one sort of sound."""

    sounds: int = 0
    speech: int = 0
    sentences: int = 0
    texts: list[tuple[str, str, float]] = field(default_factory=list)
    """What it was, and what was heard with which score."""


def sounds(count: int) -> Iterator[tuple[str, str, Callable[[], Samples]]]:
    """Sort, name and maker of each sound, so many of a sort or a little more."""
    for number in range(count):
        steep, loud = number % 3, (300, 1000, 3000, 9000)[number % 4]
        maker = partial(noise, 4.0, loud, steep=steep, seed=number)
        yield "noise", f"steep {steep} loud {loud} {number}", maker
        yield "kitchen", f"{number}", partial(_kitchen, number)
        yield "music", f"{number}", partial(music, number)
        yield "singing", f"{number}", partial(_song, number)
    every = [
        (voice, text)
        for texts in zip(*_FOREIGN.values(), strict=True)
        for voice, text in zip(_FOREIGN, texts, strict=True)
    ]
    for number in range(count):
        voice, text = every[number % len(every)]
        variant = ("", "+f3", "+m3")[number // len(every) % 3]
        yield "foreign", f"{voice}{variant}: {text}", partial(say, text, voice + variant)
    for number in range(count):
        text, voice = _TALK[number % len(_TALK)], VOICES[number // len(_TALK) % len(VOICES)]
        yield "talk", f"{voice}: {text}", partial(say, text, voice)


def _kitchen(number: int) -> Samples:
    """Four seconds of a kitchen, loud."""
    whole = kitchen()
    at = number * 7 * RATE % (len(whole) - 4 * RATE)
    part = whole[at : at + 4 * RATE].astype(np.float64)
    return np.clip(part / part.std() * 3000, -32768, 32767).astype(np.int16)


def _song(number: int) -> Samples:
    """A tune that is hummed: a voice's overtones and vibrato, and no words."""
    random = np.random.default_rng(number)
    at = np.arange(RATE // 2) / RATE
    bars = []
    for _ in range(8):
        tone = random.uniform(150, 320)
        turns = 2 * np.pi * tone * (at + 0.002 * np.sin(2 * np.pi * 5.5 * at))
        # Peaks where a mouth has them.
        loud = [
            sum(np.exp(-(((tone * k - peak) / 130) ** 2)) for peak in (600, 1100, 2500))
            for k in range(1, 12)
        ]
        bars.append(
            sum(one * np.sin(k * turns) for k, one in enumerate(loud, 1)) * np.hanning(len(at))
        )
    tune = np.concatenate(bars)
    return (tune / np.abs(tune).max() * 9000).astype(np.int16)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sort", nargs="+", default=None, help="noise, kitchen, music, ...")
    parser.add_argument("--place", nargs="+", default=["menu", "home"], choices=("menu", "home"))
    options = parser.parse_args()
    places = {"menu": coffee_maker, "home": home_and_car}
    tallies: dict[tuple[str, str, str], Tally] = {}
    with Cache(options.cache) as cache:
        for engine in options.engine:
            for place in options.place:
                ears = Ears(engine, places[place]().bias, cache)
                for sort, name, maker in sounds(options.count or 25):
                    if options.sort and sort not in options.sort:
                        continue
                    heard = ears.hear(f"{sort} {name}", lambda maker=maker: cut(maker()))
                    tally = tallies.setdefault((engine, place, sort), Tally())
                    tally.sounds += 1
                    tally.speech += heard.seconds > 0
                    tally.sentences += bool(heard.text)
                    if heard.text:
                        tally.texts.append((name, heard.text, heard.readings[0].score))
    if options.json:
        found = [
            {"engine": engine, "place": place, "sort": sort, **vars(tally)}
            for (engine, place, sort), tally in tallies.items()
        ]
        print(json.dumps(found, indent=1))
        return
    for (engine, place, sort), tally in tallies.items():
        for name, text, score in tally.texts:
            print(f"{engine} {place} {sort} {name!r} heard as {text!r} ({score:.2f})")
    rows = [
        (*key, share(tally.speech, tally.sounds), share(tally.sentences, tally.sounds))
        for key, tally in tallies.items()
    ]
    print(table(("engine", "place", "sort", "speech", "sentences"), rows))


def cut(sound: Samples) -> Samples:
    """A sound from its first speech to its last; nothing where there is none."""
    return speech_in(sound, make_vad())


if __name__ == "__main__":
    main()
