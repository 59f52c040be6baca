"""Published figures tell no child in care to who adds records.

Of 200 children child welfare holds half. On each day the attacker reads everything that the operator's role
may read, sends a made-up school record with the name and birth date of the next child, and reads again after
the publication. The same attack on exact figures tells each child.
"""

import itertools
import math
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from mpi.domain import clock
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Viewer
from mpi.service.quality.dashboard import measure_quality, read_quality
from mpi.service.quality.forecast import forecast_workload
from mpi.service.quality.publication import publish_figures
from mpi.service.quality.reports import make_report
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, load_rows, make_child, many_children, open_test_index

READER = Viewer("ops", "system_admin", ACTIONS_BY_ROLE[Role.OPERATOR], None)
CHILDREN = 200
OTHERS = 300
FLAG = {"population": "foster_care", "value": "Y", "definition": "ESSA"}
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def numbers_in(value, path=""):
    """Return every number of an answer by its path."""
    if isinstance(value, dict):
        return {k: v for name, each in value.items() for k, v in numbers_in(each, f"{path}.{name}").items()}
    if isinstance(value, list | tuple):
        rows = {str(row[0]): row[1:] for row in value if isinstance(row, tuple) and row}
        named = rows or {str(n): each for n, each in enumerate(value)}
        return {k: v for name, each in named.items() for k, v in numbers_in(each, f"{path}.{name}").items()}
    return {path: value} if isinstance(value, int | float) and not isinstance(value, bool) else {}


def read_everything(index):
    """Return every number that the operator's role reads."""
    figures = asdict(read_quality(index, READER))
    reports = {
        name: make_report(index, READER, name).rows for name in ("summary", "sources", "overlap", "creates")
    }
    return numbers_in(
        {"quality": figures, "forecast": asdict(forecast_workload(index, READER)), "reports": reports}
    )


def tail_probability(hits, trials):
    """Return the probability that a coin hits so often or more."""
    return sum(math.comb(trials, n) for n in range(hits, trials + 1)) / 2**trials


def classify(changes, held):
    """Return hits and trials of guessing by the sign of changes."""
    guesses = [(change > 0, is_held) for change, is_held in zip(changes, held, strict=True) if change]
    return sum(guess == is_held for guess, is_held in guesses), len(guesses)


@pytest.fixture(scope="module")
def attack(tmp_path_factory):
    """Attack 200 children; return who is held and what was read."""
    day = START
    children = many_children(CHILDREN + OTHERS)
    targets, others = children[:CHILDREN], children[CHILDREN:]
    held = [True, False] * (CHILDREN // 2)
    Random(7).shuffle(held)
    with (
        clock.set_clock(lambda: day),
        open_test_index(tmp_path_factory.mktemp("a"), secret="7" * 64) as index,
    ):
        add_source(index, OPERATOR, NewSource("ccwis", kind=SourceKind.CCWIS))
        add_source(index, OPERATOR, NewSource("sis", kind=SourceKind.SIS))
        in_care = [*others, *(child for child, is_held in zip(targets, held, strict=True) if is_held)]
        load_rows(index, "ccwis", *({**child, "flags": [FLAG]} for child in in_care))
        load_rows(index, "sis", *others)
        publish_figures(index, OPERATOR)
        published, exact = [], []
        for number, child in enumerate(targets):
            day += timedelta(days=1)
            published.append(read_everything(index))
            exact.append(measure_quality(index, OPERATOR).match_rate.found)
            identity = {name: child[name] for name in ("first_name", "last_name", "birth_date")}
            upsert(index, OPERATOR, "sis", make_child(f"made-up-{number}", **identity, postal_code=None))
            publish_figures(index, OPERATOR)
        exact.append(measure_quality(index, OPERATOR).match_rate.found)
        day += timedelta(days=1)
        published.append(read_everything(index))
    return held, published, exact


@pytest.mark.slow
def test_exact_figures_tell_every_child(attack):
    held, _, exact = attack
    assert [after > before for before, after in itertools.pairwise(exact)] == held


@pytest.mark.slow
def test_published_figures_tell_none_of_200_children(attack):
    held, published, _ = attack
    paths = sorted({path for answer in published for path in answer})
    assert ".quality.match_rate.found" in paths
    assert ".reports.summary.persons, active.0" in paths
    told = {}
    for path in paths:
        values = [answer.get(path, 0) for answer in published]
        changes = [after - before for before, after in itertools.pairwise(values)]
        hits, trials = classify(changes, held)
        told[path] = (hits, trials)
        # There are some thirty figures, and each may tell in either direction.
        assert tail_probability(hits, trials) > 0.001, (path, hits, trials)
        assert tail_probability(trials - hits, trials) > 0.001, (path, hits, trials)
    hits, trials = told[".quality.match_rate.found"]
    assert trials < CHILDREN / 4, "the figure is held on most days"


@pytest.mark.slow
def test_all_published_figures_together_tell_none_of_200_children(attack):
    held, published, _ = attack
    rises = (".quality.match_rate.found", ".quality.match_rate.rate.value", ".quality.workload.open")
    falls = (".reports.summary.persons, active.0",)

    def score(before, after):
        return sum(
            sign * ((after.get(path, 0) > before.get(path, 0)) - (after.get(path, 0) < before.get(path, 0)))
            for paths, sign in ((rises, 1), (falls, -1))
            for path in paths
        )

    changes = [score(before, after) for before, after in itertools.pairwise(published)]
    coin = Random(3)
    guesses = [change > 0 if change else coin.random() < 0.5 for change in changes]
    hits = sum(guess == is_held for guess, is_held in zip(guesses, held, strict=True))
    assert tail_probability(hits, CHILDREN) > 0.01, hits
    assert tail_probability(CHILDREN - hits, CHILDREN) > 0.01, hits
