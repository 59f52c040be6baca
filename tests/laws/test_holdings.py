"""Laws of minimum holdings: what is held, and who is linked, does not depend on the order of files."""

import tempfile
from itertools import permutations
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mpi.domain.snapshot import Snapshot
from mpi.domain.source import Holdings, SourceKind
from mpi.service.holdings.settings import add_source
from mpi.service.maintenance.verify import verify
from mpi.service.statements.sources import NewSource
from tests.index import OPERATOR, load_rows, make_child, open_test_index, partition_of

SCHOOLS = ("north", "south")
SECRET = "22" * 32
NAMES = ("Amara", "Amare", "Femi", "Quentin")
SURNAMES = ("Okonkwo", "Okonkwa", "Lopez", "Zyxw")
BIRTHS = ("2014-03-09", "2014-03-10", "2011-11-30")
SSNS = (None, None, "412-53-7788", "412-53-7799")

children = st.builds(
    lambda first, last, birth, ssn: {"first_name": first, "last_name": last, "birth_date": birth, "ssn": ssn},
    st.sampled_from(NAMES),
    st.sampled_from(SURNAMES),
    st.sampled_from(BIRTHS),
    st.sampled_from(SSNS),
)


def make_file(prefix):
    """Return a strategy of files with up to six children."""
    return st.lists(children, max_size=6).map(
        lambda rows: [make_child(f"{prefix}{number}", **row) for number, row in enumerate(rows)]
    )


files = st.fixed_dictionaries({"welfare": make_file("w"), "north": make_file("n"), "south": make_file("s")})


class Site:
    """An index whose schools hold linked records only, or all."""

    def __init__(self, index, holdings=Holdings.LINKED):
        self.index = index
        add_source(index, OPERATOR, NewSource("welfare", kind=SourceKind.CCWIS), Holdings.ALL)
        for code in SCHOOLS:
            add_source(index, OPERATOR, NewSource(code, kind=SourceKind.SIS), holdings)

    def load(self, source, file):
        """Load a full file of a source."""
        receipt = load_rows(self.index, source, *file, snapshot=Snapshot.FULL, confirm=True)
        assert receipt.adds_up

    def settle(self, order, contents):
        """Load the schools' files in an order, night by night, until nothing changes."""
        nights = [self.partition()]
        while len(nights) < 8:
            for source in order:
                self.load(source, contents[source])
            nights.append(self.partition())
            if nights[-1] == nights[-2]:
                return nights
        raise AssertionError("the holdings never settle")

    def partition(self):
        """Return the published partition."""
        return partition_of(self.index)


@settings(max_examples=25, deadline=None)
@given(files, st.sampled_from(list(permutations(("welfare", *SCHOOLS)))), st.permutations(SCHOOLS))
def test_what_is_held_does_not_depend_on_the_order_of_files(contents, first_order, next_order):
    with (
        tempfile.TemporaryDirectory() as folder,
        open_test_index(Path(folder) / "one", secret=SECRET) as one,
        open_test_index(Path(folder) / "other", secret=SECRET) as other,
        open_test_index(Path(folder) / "whole", secret=SECRET) as whole,
    ):
        first, second, all_held = Site(one), Site(other), Site(whole, Holdings.ALL)
        for source in ("welfare", *SCHOOLS):
            first.load(source, contents[source])
            all_held.load(source, contents[source])
        for source in first_order:
            second.load(source, contents[source])
        first.settle(SCHOOLS, contents)
        second.settle(next_order, contents)
        assert second.partition() == first.partition()
        assert persons_in_care(first.partition()) == persons_in_care(all_held.partition())
        assert verify(one, OPERATOR) == []


def persons_in_care(partition):
    """Return the persons with a record of child welfare."""
    return {records for records in partition if any(source == "welfare" for source, _ in records)}
