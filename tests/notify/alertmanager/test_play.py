"""That a play fails where it should: what is missing, what differs, what comes too late, and what nobody wanted."""

from __future__ import annotations

import pytest

from tests.notify.alertmanager.play import Push, Want, between, hooks, perform, route, said

FIRE = said("Fire")
RIGHT = Want(between(2, 2), FIRE.active(1), reason="first notification")
WRONG = {
    "nothing is wanted": ((), "and not wanted"),
    "it is wanted twice": ((RIGHT, RIGHT), "was not heard"),
    "it is wanted later": ((Want(between(2.1, 9), FIRE.active(1)),), "was not heard"),
    "another start": ((Want(between(2, 2), FIRE.active(1.5)),), "was not heard"),
    "an end": ((Want(between(2, 2), FIRE.active(1, 2)),), "was not heard"),
    "a note": ((Want(between(2, 2), FIRE.active(1).noted("x")),), "was not heard"),
    "one more alert": ((Want(between(2, 2), FIRE.active(1), said("Other").active(1)),), "was not heard"),
    "another hook": ((Want(between(2, 2), FIRE.active(1), hook="other"),), "was not heard"),
    "another reason": ((Want(between(2, 2), FIRE.active(1), reason="repeat"),), "was not heard"),
    "silence then": ((RIGHT, Want(between(1, 3))), "where nothing was wanted"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_play_fails_where_what_is_heard_is_not_what_is_wanted(story, name):
    wants, why = WRONG[name]
    with pytest.raises(AssertionError, match=why):
        perform(story, route(repeat="1h") + hooks("hook"), Push(1, FIRE), *wants, Push(9))


def test_a_play_in_which_all_is_heard_as_it_is_wanted_succeeds(story):
    perform(story, route(repeat="1h") + hooks("hook"), Push(1, FIRE), RIGHT, Want(between(3, 60)))
