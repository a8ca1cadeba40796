from edge_agent.mqtt.outbox import Letter, Outbox


class Receipt:
    def __init__(self) -> None:
        self.acknowledged = False

    def is_published(self) -> bool:
        return self.acknowledged


class Wire:
    """A connection that can be cut; keeps what was handed to it."""

    def __init__(self) -> None:
        self.up = True
        self.sent: list[bytes] = []
        self.receipts: list[Receipt] = []

    def send(self, letter: Letter) -> Receipt | None:
        if not self.up:
            return None
        self.sent.append(letter.payload)
        self.receipts.append(Receipt())
        return self.receipts[-1]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def letter(text: str) -> Letter:
    return Letter("response", text.encode())


def test_a_letter_waits_for_the_connection_and_keeps_its_place():
    wire, box = Wire(), Outbox(Clock())
    wire.up = False
    box.put(letter("1"), wire.send)
    box.put(letter("2"), wire.send)
    assert (wire.sent, box.waiting) == ([], 2)
    wire.up = True
    box.put(letter("3"), wire.send)
    assert wire.sent == [b"1", b"2", b"3"]


def test_only_what_was_not_acknowledged_is_sent_again():
    wire, box = Wire(), Outbox(Clock())
    box.put(letter("1"), wire.send)
    box.put(letter("2"), wire.send)
    wire.receipts[0].acknowledged = True
    box.resend(wire.send)
    assert wire.sent == [b"1", b"2", b"2"]
    wire.receipts[2].acknowledged = True
    assert (box.waiting, box.lost) == (0, 0)


def test_an_old_letter_is_given_up_and_counted():
    clock, wire = Clock(), Wire()
    box = Outbox(clock, keep=60)
    wire.up = False
    box.put(letter("late"), wire.send)
    clock.now = 60.0
    wire.up = True
    box.resend(wire.send)
    assert (wire.sent, box.lost) == ([], 1)


def test_a_full_box_gives_up_its_oldest_letter():
    wire = Wire()
    box = Outbox(Clock(), most=2)
    wire.up = False
    for text in "123":
        box.put(letter(text), wire.send)
    wire.up = True
    box.resend(wire.send)
    assert (wire.sent, box.lost) == ([b"2", b"3"], 1)


def test_a_letter_that_never_gets_through_is_not_tried_for_ever():
    wire, box = Wire(), Outbox(Clock())
    box.put(letter("poison"), wire.send)
    for _ in range(10):
        box.resend(wire.send)
    assert (len(wire.sent), box.lost) == (5, 1)
