"""Who trickles is found out within one window; who is held up by us is not blamed."""

from wavemill_gateway.access.pace import HEAD_TIMEOUT, MIN_RATE, WINDOW, Pace


def test_a_head_that_is_not_whole_in_time_is_late_however_often_a_byte_comes() -> None:
    pace = Pace()
    for second in range(int(HEAD_TIMEOUT)):
        pace.head_begins(second)
        assert not pace.is_head_late(second)
    assert pace.is_head_late(HEAD_TIMEOUT)


def test_an_idle_connection_is_not_late() -> None:
    pace = Pace()
    pace.head_begins(0)
    pace.head_ends()
    assert pace.looks_again_at is None
    assert not pace.is_head_late(1000)


def test_a_body_of_one_byte_a_second_is_slow() -> None:
    pace = Pace()
    pace.body_begins(0)
    for _ in range(int(WINDOW)):
        pace.body_brings(1)
    assert not pace.is_body_slow(WINDOW - 0.1)
    assert pace.is_body_slow(WINDOW)


def test_every_window_is_judged_for_itself() -> None:
    pace = Pace()
    pace.body_begins(0)
    pace.body_brings(1_000_000)
    assert not pace.is_body_slow(WINDOW)
    pace.body_brings(int(MIN_RATE * WINDOW) - 1)
    assert pace.is_body_slow(2 * WINDOW)


def test_a_pause_of_ours_begins_a_new_window() -> None:
    pace = Pace()
    pace.body_begins(0)
    pace.body_begins(WINDOW - 1)
    assert not pace.is_body_slow(WINDOW)
