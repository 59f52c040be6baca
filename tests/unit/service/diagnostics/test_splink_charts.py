"""Splink's charts show the model to who was granted them, and records to who may read all, without values."""

import json
import re

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action
from mpi.service.access.accounts.account_rights import grant_actions
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.core.stored_features import load_features
from mpi.service.diagnostics.splink_charts import ChartRequest, make_splink_charts
from mpi.service.explanations.pair_explanation import explain_pair
from mpi.service.records.upsert import upsert
from tests.accounts import cheap_password_hashing
from tests.index import OPERATOR, make_child, many_children, open_test_index

ODALYS = make_child(
    "1", first_name="Odalys", last_name="Trueblood", birth_date="2012-02-02", phone="6145550100"
)
EMILY = make_child(
    "2",
    first_name="Emily",
    last_name="Smith",
    birth_date="2011-05-05",
    phone="6145550155",
    postal_code="43002",
)
VALUES = ("odalys", "trueblood", "2012-02-02", "20120202", "6145550100", "zygmunt", "43001")
MODEL = {"match-weights", "parameters"}
SAMPLE = {"unlinkables", "comparison-viewer", "cluster-studio"}
PAIR = (RecordRef("sis", "1"), RecordRef("ccwis", "1"))
FREQUENT_PAIR = (RecordRef("sis", "2"), RecordRef("ccwis", "2"))
OUTSIDE = re.compile(r"<(?:link|script|img|iframe)\b[^>]*\b(?:src|href)=[\"']?https?:", re.IGNORECASE)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Two children of two agencies, of rare and of frequent names, some others, and a sealed record."""
    with (
        cheap_password_hashing(),
        open_test_index(tmp_path_factory.mktemp("charts"), "sis", "ccwis") as opened,
    ):
        for source, child in (
            ("sis", ODALYS),
            ("ccwis", ODALYS),
            ("sis", EMILY),
            ("ccwis", EMILY),
            *(("sis", one) for one in many_children(5)),
        ):
            upsert(opened, OPERATOR, source, child)
        sealed = make_child("s", first_name="Zygmunt", restrictions=[{"kind": "sealed"}])
        upsert(opened, OPERATOR, "ccwis", sealed)
        for name, role, sources in (
            ("ana", Role.ANALYST, None),
            ("sam", Role.STEWARD, None),
            ("ida", Role.STEWARD, ("sis",)),
            ("una", Role.ANALYST, None),
        ):
            add_account(opened, OPERATOR, NewAccount(name, "A Name", role, sources))
            if name != "una":
                grant_actions(opened, OPERATOR, name, ["charts.export"])
        yield opened


def make(index, account=None, **request):
    return make_splink_charts(index, OPERATOR, ChartRequest(account, **request), index.home)


@pytest.fixture(scope="module")
def charts(index):
    """All charts, with those of a pair of rare names."""
    return make(index, pair=PAIR)


def read_lines(index, name):
    with index.database.ledger.read(OPERATOR) as unit:
        return unit.disclosures.lines_of_client(name, [Action.CHARTS_EXPORT], "2000-01-01")


def test_operator_gets_every_chart_without_a_value(index, charts):
    assert charts.pages.keys() == MODEL | SAMPLE | {"waterfall"}
    for name, page in charts.pages.items():
        assert [value for value in VALUES if value in page.lower()] == [], name
        assert OUTSIDE.findall(page) == [], name
        assert "default-src 'none'" in page.partition("</head>")[0], name
    assert charts.sampled == 9
    assert charts.compared == 2
    assert list(index.home.glob("charts-*")) == []


def read_rows(page, name):
    """Return the rows that a dashboard draws."""
    return json.loads(re.search(rf"^\s*{name} = (\[.*\]);$", page, re.MULTILINE)[1])


def test_no_chart_tells_how_frequent_a_value_is(index, charts):
    bits = [explain_pair(index, OPERATOR, *pair).match_weight for pair in (PAIR, FREQUENT_PAIR)]
    assert bits[0] > bits[1] + 1
    frequent = make(index, pair=FREQUENT_PAIR)
    drawn, of_frequent = (
        re.sub(r"[0-9a-f]{8}-?[0-9a-f-]{24,}", "", each.pages["waterfall"]) for each in (charts, frequent)
    )
    assert drawn == of_frequent
    assert charts.tables[1] == frequent.tables[1]
    for page, name in (("comparison-viewer", "comparison_vector_data"), ("cluster-studio", "raw_edges_data")):
        rows = read_rows(charts.pages[page], name)
        assert [column for column in rows[0] if column.startswith(("tf_", "mw_tf_"))] == []
        assert len({row["match_weight"] for row in rows}) == 1
        assert len(rows) == 2


def test_tables_say_what_the_charts_say(index, charts):
    pair = next(table for table in charts.tables if table.title.startswith("How the pair"))
    *parts, total = [float(row[-1]) for row in pair.rows]
    assert sum(parts) == pytest.approx(total, abs=0.1)
    [final] = re.findall(
        r'"Final score", "label_for_charts": "Final score".*?"log2_bayes_factor": ([0-9.]+)',
        charts.pages["waterfall"],
    )
    assert float(final) == pytest.approx(total, abs=0.01)
    model = charts.tables[0]
    assert {row[0] for row in model.rows} == {
        each.name for each in index.matcher.scorer.parameters.comparisons
    }


def test_unlinkable_records_are_counted_at_every_weight(index, charts):
    with index.database.read(OPERATOR) as unit:
        config_id = index.config_id(unit)
        features = load_features(unit, config_id, unit.quality_issues.draw_records(100))
    weights = [index.matcher.scorer.weigh(each, each) for each in features.values()]
    assert any(weight > 20 for weight in weights)
    table = next(table for table in charts.tables if table.title.startswith("Of 9 records"))
    rows = {int(bits): share for bits, share in table.rows}
    assert (min(rows), max(rows)) == (5 * (min(weights) // 5), 5 * (max(weights) // 5) + 5)
    for bits, share in rows.items():
        below = sum(weight < bits for weight in weights) / len(weights)
        assert share == f"{below:.1%}"
        assert f'"match_weight": {bits}, ' in charts.pages["unlinkables"]


def test_an_analyst_gets_the_model_and_no_record(index):
    charts = make(index, "ana")
    assert (charts.pages.keys(), charts.sampled) == (MODEL, None)
    with pytest.raises(AccessDenied):
        make(index, "ana", pair=PAIR)
    assert [line.record_ids for line in read_lines(index, "ana")] == [()]


def test_a_steward_of_all_sources_gets_drawn_records_and_is_on_the_ledger(index):
    charts = make(index, "sam", pair=PAIR)
    assert charts.pages.keys() == MODEL | SAMPLE | {"waterfall"}
    with index.database.read(OPERATOR) as unit:
        known = unit.records.labels(range(1, 20))
    for line, count in zip(read_lines(index, "sam"), (2, 9), strict=True):
        labels = {known[number] for number in line.record_ids}
        assert set(PAIR) <= labels
        assert len(labels) == count
        assert RecordRef("ccwis", "s") not in labels


def test_a_steward_of_one_source_gets_no_drawn_record_and_no_pair_of_another(index):
    assert make(index, "ida").pages.keys() == MODEL
    own = (RecordRef("sis", "1"), RecordRef("sis", "c1"))
    assert make(index, "ida", pair=own).pages.keys() == MODEL | {"waterfall"}
    for pair in (PAIR, (RecordRef("sis", "1"), RecordRef("ccwis", "none"))):
        with pytest.raises(NotFoundError, match="there is no such record"):
            make(index, "ida", pair=pair)


def test_who_was_not_granted_charts_gets_none(index):
    with pytest.raises(AccessDenied):
        make(index, "una")
    with pytest.raises(NotFoundError):
        make(index, "nobody")


def test_wrong_requests_are_refused(index):
    for sample in (0, 20_001):
        with pytest.raises(InputError):
            make(index, sample=sample)
    with pytest.raises(InputError):
        make(index, pair=(PAIR[0], PAIR[0]))
    with pytest.raises((ConflictError, NotFoundError)):
        make(index, pair=(PAIR[0], RecordRef("ccwis", "s")))


def test_records_of_the_lowest_keyed_hashes_are_drawn_so_a_load_changes_few(tmp_path):
    with open_test_index(tmp_path, "sis") as index:
        for child in many_children(12):
            upsert(index, OPERATOR, "sis", child)
        make(index, sample=4)
        [line] = read_lines(index, OPERATOR.client)
        with index.database.read(OPERATOR) as unit:
            keys = unit.records.active_canonical_keys()
        assert list(line.record_ids) == sorted(sorted(keys, key=keys.__getitem__)[:4])


def test_an_empty_index_has_the_charts_of_its_model(tmp_path):
    with open_test_index(tmp_path, "sis") as empty:
        assert make(empty).pages.keys() == MODEL
        assert [line.record_ids for line in read_lines(empty, OPERATOR.client)] == [()]
        upsert(empty, OPERATOR, "sis", ODALYS)
        assert make(empty).pages.keys() == MODEL | {"unlinkables"}
