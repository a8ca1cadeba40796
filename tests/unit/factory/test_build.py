"""What the build does about stages, settings and kills; the stages are tried elsewhere."""

import json
import resource
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from edge_agent.errors import FactoryError
from edge_agent.factory.build import STAGES, Build, Stage, read_record
from edge_agent.factory.firmware import Firmware, read_devices
from edge_agent.factory.processes import spread
from edge_agent.factory.recipe import FULL, QUICK, Recipe
from edge_agent.factory.sentences.cases import OWN
from edge_agent.factory.workshop import SUMMARY, Result, Workshop, write_json

CONFIGS = Path(__file__).parents[3] / "firmware_configs"


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(
        recipe=QUICK,
        firmware=Firmware(CONFIGS / "smart-home-hub.yaml"),
        work=tmp_path / "work",
        output=tmp_path / "model.gguf",
        device=torch.device("cpu"),
        processes=1,
        clock=lambda: 0.0,
        tell=lambda _: None,
    )


class Diary:
    """Two stages that write a file each, and what was done in which order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.stop_in: str | None = None

    def plan(self) -> tuple[Stage, ...]:
        return (
            Stage("first", "First", self._writes("first"), ("examples",)),
            Stage("second", "Second", self._writes("second"), ("layers",), ("first",)),
        )

    def _writes(self, name: str) -> Callable[[Workshop], Result]:
        def write(shop: Workshop) -> Result:
            half = shop.folder(name) / "half"
            if not half.exists():
                self.done.append(f"{name} half")
                half.write_text(str(shop.recipe.examples))
            if self.stop_in == name:
                raise FactoryError("the power went off")
            self.done.append(name)
            return Result(bytes=1 << 20, after={"exact": 0.5}, figures={"kept": half.read_text()})

        return write


def test_a_finished_stage_is_not_done_again(shop: Workshop) -> None:
    diary = Diary()
    first = Build(shop, diary.plan(), lambda _: None).run()
    again = Build(shop, diary.plan(), lambda _: None).run()
    assert diary.done == ["first half", "first", "second half", "second"]
    assert again == first


def test_a_stage_that_was_killed_goes_on_with_what_it_has(shop: Workshop) -> None:
    diary = Diary()
    diary.stop_in = "second"
    with pytest.raises(FactoryError, match="power"):
        Build(shop, diary.plan(), lambda _: None).run()
    diary.stop_in = None
    Build(shop, diary.plan(), lambda _: None).run()
    assert diary.done == ["first half", "first", "second half", "second"]


def test_other_settings_redo_a_stage_and_those_behind_it_and_keep_what_was(shop: Workshop) -> None:
    diary = Diary()
    Build(shop, diary.plan(), lambda _: None).run()
    changed = replace(shop, recipe=replace(shop.recipe, examples=7))
    Build(changed, diary.plan(), lambda _: None).run()
    assert diary.done == 2 * ["first half", "first", "second half", "second"]
    assert (shop.work / "first" / "half").read_text() == "7"
    assert (shop.work / "first.old" / "half").read_text() == str(QUICK.examples)


def test_other_settings_of_a_late_stage_leave_the_early_ones_alone(shop: Workshop) -> None:
    diary = Diary()
    Build(shop, diary.plan(), lambda _: None).run()
    changed = replace(shop, recipe=replace(shop.recipe, layers=3))
    Build(changed, diary.plan(), lambda _: None).run()
    assert diary.done[4:] == ["second half", "second"]


def test_it_stops_behind_the_stage_that_was_asked_for(shop: Workshop) -> None:
    diary = Diary()
    Build(shop, diary.plan(), lambda _: None).run("first")
    assert "second" not in diary.done
    with pytest.raises(FactoryError, match="legal: first, second"):
        Build(shop, diary.plan(), lambda _: None).run("third")


def test_a_damaged_record_counts_as_none(shop: Workshop) -> None:
    diary = Diary()
    Build(shop, diary.plan(), lambda _: None).run()
    (shop.work / "second.json").write_text("{")
    Build(shop, diary.plan(), lambda _: None).run()
    assert diary.done[4:] == ["second half", "second"]
    found = read_record(shop.work / "second.json")
    assert found is not None
    assert found.finished


def test_results_are_said_and_written_for_the_card(shop: Workshop) -> None:
    said: list[str] = []
    Build(shop, Diary().plan(), said.append).run()
    assert said[0] == "First ..."
    assert "1.0 MiB" in said[1]
    assert said[-1].splitlines()[1].split() == ["first", "0.0", "1.0", "MiB", "50.0%"]
    summary = json.loads((shop.work / SUMMARY).read_text())
    assert summary["config"] == "smart-home-hub.yaml"
    assert [stage["stage"] for stage in summary["stages"]] == ["first", "second"]
    assert summary["stages"][0]["after"] == {"exact": 0.5}


def test_a_work_folder_that_cannot_be_made_is_told(shop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FactoryError, match="file/work: cannot be made"):
        Build(replace(shop, work=tmp_path / "file" / "work"), Diary().plan(), print).run()


def test_two_sorts_of_build_do_not_share_a_folder(shop: Workshop) -> None:
    shop.folder("adapt").mkdir(parents=True)
    with pytest.raises(FactoryError, match="holds 'adapt' of another sort of build"):
        Build(shop, STAGES, print).run()


def test_a_stage_that_is_not_wanted_leaves_nothing_to_take(shop: Workshop) -> None:
    diary = Diary()
    Build(shop, diary.plan(), lambda _: None).run()
    first, second = diary.plan()
    Build(shop, (first, replace(second, wanted=lambda _: False)), lambda _: None).run()
    assert not shop.folder("second").exists()
    assert shop.folder("second.old").exists()


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    write_json(file, {"old": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(FactoryError, match=r"record\.json: cannot be written: File too large"):
            write_json(file, {"new": "x" * 1000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert json.loads(file.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [file]


def test_a_process_that_is_killed_is_told() -> None:
    assert sorted(spread(abs, (-1, -2, -3), 2)) == [(-3, 3), (-2, 2), (-1, 1)]
    with pytest.raises(FactoryError, match="one of 2 processes was killed"):
        list(spread(signal.raise_signal, (signal.SIGKILL, signal.SIGKILL), 2))


def test_a_car_learns_its_own_signals_and_a_hub_homes() -> None:
    car, hub = Firmware(CONFIGS / "car-head-unit.yaml"), Firmware(CONFIGS / "smart-home-hub.yaml")
    own = car.own()
    assert own is not None
    assert "driver window" in {entity.name for entity in own.entities.values()}
    assert car.worlds()[OWN] > 0.2
    assert max(car.worlds(), key=lambda sort: car.worlds()[sort]) == "car"
    assert hub.own() is None
    assert hub.worlds()["home"] > 0.5
    assert OWN not in hub.worlds()
    for shares in (car.worlds(), hub.worlds()):
        assert sum(shares.values()) == pytest.approx(1)


def test_listed_devices_come_back_with_what_they_can_do(tmp_path: Path) -> None:
    file = tmp_path / "devices.json"
    listed = {
        "id": "light.floor_lamp",
        "name": "Floor lamp",
        "kind": "light",
        "area": "Living Room",
        "aliases": ["reading light"],
        "available": True,
        "problem": None,
        "state": {"power": "on", "brightness": None, "power draw": 3.5},
        "settable": {
            "power": "on, off",
            "brightness": "0 to 100 percent",
            "text": "up to 40 characters",
        },
    }
    file.write_text(json.dumps([listed]))
    (entity,) = read_devices(file).upsert
    assert (entity.name, entity.area, entity.aliases) == (
        "Floor lamp",
        "living_room",
        ("reading light",),
    )
    domains = {one.attribute: one.domain.describe() for one in entity.capabilities}
    assert {name: domains[name] for name in listed["settable"]} == listed["settable"]
    assert [one.attribute for one in entity.capabilities if not one.settable] == ["power draw"]


@pytest.mark.parametrize("text", ["{", "[]", '[{"id": "x"}]', '[{"id":"x","name":"x","kind":"u"}]'])
def test_a_damaged_list_of_devices_names_its_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "devices.json"
    file.write_text(text)
    with pytest.raises(FactoryError, match=r"devices\.json"):
        read_devices(file)


def test_time_is_shared_between_training_and_rounding() -> None:
    recipe = FULL.lasting(11.0)
    assert recipe.train_minutes + recipe.quantise_minutes == pytest.approx(11.0)
    assert recipe.train_minutes > 5 * recipe.quantise_minutes > 0
    with pytest.raises(FactoryError, match="minutes is 0"):
        FULL.lasting(0)
    with pytest.raises(FactoryError, match="examples is 0"):
        Recipe(examples=0)
