import pytest

from mpi.domain.errors import InputError
from mpi.domain.unique_ids import IdPattern, compute_check_digit

OHIO = IdPattern("OH########*")


def test_an_id_has_the_form_of_its_pattern_and_a_check_digit():
    assert compute_check_digit("0794") == "5"  # the example of ISO/IEC 7064 for MOD 11,10
    assert OHIO.make(794) == f"OH00000794{compute_check_digit('00000794')}"
    assert OHIO.is_id(OHIO.make(794))
    assert IdPattern("A-#######").make(12) == "A-0000012"


def test_numbers_within_the_capacity_have_different_ids():
    assert OHIO.capacity == 10**8
    assert len({OHIO.make(number) for number in range(5000)}) == 5000
    assert OHIO.make(OHIO.capacity + 3) == OHIO.make(3)


def test_every_wrong_digit_and_other_case_is_no_id():
    made = OHIO.make(40_312_775)
    for place in range(2, len(made)):
        for digit in set("0123456789") - {made[place]}:
            assert not OHIO.is_id(f"{made[:place]}{digit}{made[place + 1 :]}")
    for text in (made.lower(), made[:-1], f"{made}0", f" {made}", made.replace("O", "0"), "", "\u0660" * 11):
        assert not OHIO.is_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "########*9",
        "OH######",
        "O H########",
        "É########",
        "#" * 33,
        "*########",
        "###-##-####",
        "9##-##-###*",
    ],
)
def test_an_unusable_pattern_is_refused(text):
    with pytest.raises(InputError, match="pattern of unique IDs"):
        IdPattern(text)
