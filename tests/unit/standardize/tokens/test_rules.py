"""Tokens are those of Open Link Token, to the letter.

The first vectors are published in its repository (``token_generator_integration_test.py``); the
table was made with the package ``openlinktoken`` 2.2.1 and the secret ``HashingKey``.
"""

import hashlib

import pytest

from mpi.standardize.tokens.attributes import (
    find_postal_area,
    name_sex,
    normalize_first_name,
    normalize_last_name,
)
from mpi.standardize.tokens.rules import TokenRule, TokenValues, make_tokens, write_signatures

SSN = "345546795"
PUBLISHED_DIGESTS = {
    "T1": "02292af14559b4c2a28a772536b81760ad7b8ebac8ce49e8450ca0fa5044e37f",
    "T3": "a76c3bff664bec8d0f77b4b47ad555d212dc671949ed3cf1c1edef68733835b2",
    "T4": "21c3cf1fdb4fd45197e5def14d0228d26c56bcec1b8641079f9b9ec24f9a6a0b",
    "T5": "3756556f2323148cb57e1e13b1abcd457e1c1706a84ae83d522a3fc0ad43506d",
}  # fmt: skip
MADE_BY_THE_PACKAGE = [
    (("Dr. José Luis", "García-López", "2013-03-22", "M", "90210-4455"), {
        "T1": "xCYdx/0wQtCeVjSi+xAH8PUqsNSlWLHQwGZRiUpgbgk=",
        "T2": "1OaenW92lLPxGBx2yipZR94OZ572QkUDvbaj6UsBryk=",
        "T3": "Wt85+1txLbBdlHJ5jD9MjJ/6y6xIq4KwOxbc+cdMA6s=",
        "T4": "vJjbG4ENo5btx2vBNnTOvdaCirQgL8BlW8h/PZWebRY=",
        "T5": "+QjC1eUD5aX3cC2xv+gwGEHgZG7psR6rd82t3vAnVvw=",
    }),
    (("Mary Ann", "O'Reilly Jr.", "2012-01-05", "F", "K1A 1A1"), {
        "T1": "2xm/NtnWsvBr+joQKIne7jKEJFbFdiGKh+Et3MBoBR0=",
        "T2": "GVU7bv6Pr2bdzrHBefemfCu0EmStqbbELYMQ7eKpw6s=",
        "T3": "ioL1GECPDopPtfHEO6sZFO3O/vXyjJ+FdoNBvFG7hsc=",
        "T4": "17GidbmPhE4ypvpzTcdoR5BzmrAl4b6qBJlsUWCzR6c=",
        "T5": "bxbEpm2y09OHhXB932ynho4P09dI2EAg0Kn5JkW4AvY=",
    }),
    (("J. R.", "Ng", "2011-07-09", "M", "12345"), {
        "T1": "5mVN7lLAOLW0yVScbGrhLILWMfNJl27jOQuzy3vT/GQ=",
        "T3": "5mVN7lLAOLW0yVScbGrhLILWMfNJl27jOQuzy3vT/GQ=",
        "T4": "8mpfNUPbjztue6a/j5OJ2QMuXOFT8XFJS2sCgi2d2gE=",
        "T5": "9qbU9nf0klApxdfiZTAOALeMl5ChiZAcIrCZ6ZPlLbs=",
    }),
    (("Łukasz M.", "Weiß III", "2009-02-28", "M", "902"), {
        "T1": "2OW8ShT8KovWU9EP6iPrYHhIiAaYYw1LzYloRoi3pkI=",
        "T2": "nJXumOKdoScv8e7xyPXweyY8BHBUFrtpu+5xyOi/gsA=",
        "T3": "l1+ng7mt3/Q7ZfEAP9ze6hSfyIOpgdqp0fKqzUD+9UU=",
        "T4": "DVRSo4Y5YeQBXfZeUo8weKtYVOirOak3WtE4L88AxOU=",
        "T5": "IkqvXv5xOOwWIJPv2lzuUPeFuzaAwxq3iqfR+nCMdBw=",
    }),
    (("Jean-Luc Pierre", "de la Cruz", "2015-12-31", "M", "00012"), {
        "T1": "343qH49IrqrrjgONgwJ5hSixneEX98Pd66n+SzJQ/28=",
        "T3": "5H3wL/9d/IGuuf+3HTOJXWWesunXp6nZ6itF+0SC/Mo=",
        "T4": "fwV4YhV0WS4ZblizKFKUv1SWi0GXZCh4yLg98eKwhCk=",
        "T5": "0360lblBXzB+4qJE2nZ+tCdbmyPUCPnGgY/OxzfY1rs=",
    }),
    (("Unknown", "Smith", "2010-10-10", "F", "02139"), {
        "T4": "cZwOhF3UQ653WcOo/xsnvRcO9KHGaCZhC2tAIUkrUFQ=",
    }),
    (("Zoë", "X", "2014-04-04", "F", "55501"), {
        "T4": "m+CttEzPiPg/V0F1JbjBnyuP/XP0vawqR+U9oucpr+U=",
    }),
]  # fmt: skip


def values_of(first_name, last_name, birth_date, sex, postal_code) -> TokenValues:
    return TokenValues(
        normalize_first_name(first_name),
        normalize_last_name(last_name),
        birth_date,
        name_sex(sex),
        find_postal_area(postal_code),
        SSN,
    )


def test_signatures_have_the_published_digests():
    values = TokenValues("ALICE", "WONDERLAND", "1993-08-10", "FEMALE", None, SSN)
    digests = {
        rule.value: hashlib.sha256(text.encode()).hexdigest()
        for rule, text in write_signatures(values).items()
    }
    assert digests == PUBLISHED_DIGESTS


@pytest.mark.parametrize(("person", "tokens"), MADE_BY_THE_PACKAGE)
def test_tokens_are_those_of_the_package(person, tokens):
    assert make_tokens(values_of(*person), b"HashingKey") == tokens


@pytest.mark.parametrize(
    ("missing", "rules"),
    [
        ("birth_date", {"T5"}),
        ("sex", {"T2"}),
        ("last_name", {"T4"}),
        ("postal_area", {"T1", "T3", "T4", "T5"}),
        ("ssn", {"T1", "T2", "T3", "T5"}),
    ],
)
def test_a_rule_that_lacks_a_value_makes_no_token(missing, rules):
    values = TokenValues("ANA", "RUIZ", "2012-03-04", "FEMALE", "432", SSN)._replace(**{missing: None})
    assert {rule.value for rule in write_signatures(values)} == rules


@pytest.mark.parametrize("text", ["", " ", "test16", "N/A", "<masked>", "Ян", "\u202e", "." * 10_000])
def test_a_text_without_a_name_makes_none(text):
    assert normalize_first_name(text) is None
    assert normalize_last_name(text) is None


def test_every_rule_is_made_of_a_whole_record():
    assert set(make_tokens(values_of("Ana", "Ruiz", "2012-03-04", "F", "43215"), b"k" * 16)) == set(TokenRule)
