"""Hypothesis strategies for record contents, with few values so that persons join and part."""

from hypothesis import strategies as st

_FLAGS = st.sampled_from(
    [
        (),
        ({"population": "foster_care", "value": "Y"},),
        ({"population": "homeless", "value": "N"}, {"population": "foster_care", "value": "U"}),
    ]
)
_REST = {
    "sex": st.just("M"),
    "flags": _FLAGS,
    "enrollments": st.sampled_from([(), ({"school_id": "1", "entry_date": "2026-01-01"},)]),
}
_ANYONE = st.fixed_dictionaries(
    {
        "first_name": st.sampled_from(["Jayden", "Jaylen", "Maria", None]),
        "last_name": st.sampled_from(["Cruz", "Cruz", "Cruse", "Garcia"]),
        "birth_date": st.sampled_from(["2014-01-20", "2014-01-20", "2014-01-21", "2031-09-06"]),
        "postal_code": st.sampled_from(["43001", "43001", "43002", None]),
        "ssn": st.sampled_from([None, None, None, "219-09-9998", "219-09-9997"]),
        "restrictions": st.sampled_from([(), (), ({"kind": "address_confidential", "end": "2031-09-05"},)]),
        **_REST,
    }
)
_INCOMPATIBLE = [
    ("Jayden", "2014-01-20", None, "219-09-9998"),
    ("Jayden", "2014-01-20", "43001", None),
    ("Jaylen", "2014-01-21", "43002", "219-09-9998"),
]
"""Three records that cannot all be linked.

The first matches the second by name and birth date (16.1 bits) and the third by SSN (17.8); the second and
the third do not match (-3.8). Nobody is linked while all three exist.
"""

_INCOMPATIBLE_RECORD = st.fixed_dictionaries(
    {
        "who": st.sampled_from(_INCOMPATIBLE),
        "last_name": st.just("Cruz"),
        "restrictions": st.just(()),
        **_REST,
    }
).map(
    lambda said: {
        **{name: value for name, value in said.items() if name != "who"},
        **dict(zip(("first_name", "birth_date", "postal_code", "ssn"), said["who"], strict=True)),
    }
)

contents = st.one_of(_ANYONE, _INCOMPATIBLE_RECORD).map(lambda said: tuple(sorted(said.items())))
"""Record contents as sent, without local ID and as-of date; sorted, so that equal ones are equal."""


def content_to_json(content) -> dict[str, object]:
    """Return the content with lists as JSON has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in content}


def has_stable_meaning(content) -> bool:
    """Return whether no date of the content lies ahead, and no restriction ever ends."""
    fields = dict(content)
    return fields["birth_date"] < "2031" and not fields["restrictions"]
