"""What must be true of an index, told from what was sent to it: kept apart from how the index does it."""

from dataclasses import dataclass, field

from mpi.domain.decision import DecisionKind
from tests.index import a_child

Address = tuple[str, str]
"""Source and local ID."""


@dataclass(frozen=True, order=True)
class Said:
    """One statement of a source: a content, or None where it says that the record is gone."""

    as_of: str
    receipt: int
    content: tuple[tuple[str, object], ...] | None = field(compare=False)

    def sent(self, local_id: str) -> dict[str, object]:
        base = dict.fromkeys(a_child(None))
        return a_child(local_id, **base | dict(self.content or ()), as_of=self.as_of)


@dataclass
class Oracle:
    """Every statement and decision, and who bore which ID at which moment."""

    said: dict[Address, list[Said]] = field(default_factory=dict)
    sealed: set[Address] = field(default_factory=set)
    decisions: dict[int, tuple[DecisionKind, int, tuple[tuple[Address, ...], ...]]] = field(
        default_factory=dict
    )
    moments: list[tuple[str, dict[Address, str]]] = field(default_factory=list)
    held: dict[str, frozenset[Address]] = field(default_factory=dict)
    standing: dict[str, str] = field(default_factory=dict)
    latest: dict[Address, str] = field(default_factory=dict)
    receipts: int = 0

    def hear(self, address: Address, as_of: str, content, *, sealing: bool = False) -> None:
        """A statement was acknowledged."""
        if address in self.sealed:
            return
        self.receipts += 1
        self.said.setdefault(address, []).append(Said(as_of, self.receipts, content))
        if sealing:
            self.sealed.add(address)

    @property
    def active(self) -> dict[Address, Said]:
        """The active version of each record: greatest as-of, then receipt."""
        latest = {address: max(said) for address, said in self.said.items() if address not in self.sealed}
        return {address: said for address, said in latest.items() if said.content is not None}

    def learn(self, at: str, crosswalk: dict[Address, str]) -> None:
        """Check the law of stable IDs from one commit to the next, and remember it."""
        before = self._persons(self.moments[-1][1] if self.moments else {})
        after = self._persons(crosswalk)
        self._check_same_persons(before, after)
        minted = after.keys() - self.standing.keys()
        for eid in minted:
            owed = [
                old
                for old, standing in self.standing.items()
                if standing != "active" and self._live(old, crosswalk) == after[eid]
            ]
            assert not owed, f"{eid} was minted where {owed} should live again"
        for eid in self.standing | after:
            self._follow(eid, before.get(eid), after.get(eid), crosswalk)
        self.latest.update(crosswalk)
        self.moments.append((at, crosswalk))

    def _check_same_persons(self, before, after) -> None:
        borne = {records: eid for eid, records in after.items()}
        for eid, records in before.items():
            assert borne.get(records, eid) == eid, "an ID changed where no membership did"

    def _live(self, eid: str, crosswalk) -> frozenset[Address]:
        return frozenset(address for address in self.held[eid] if address in crosswalk)

    def _follow(self, eid, before, after, crosswalk) -> None:
        if after:
            last = before or self.held.get(eid)
            assert last is None or last & after, f"{eid} was given to records that it never held"
            self.held[eid], self.standing[eid] = after, "active"
            return
        if before:
            self.held[eid] = before
            self.standing[eid] = "retired" if self._live(eid, crosswalk) else "empty"
            if self.standing[eid] == "empty":
                self._claim(eid)
        elif self.standing[eid] == "empty":
            self._claim(eid)
            if self._live(eid, crosswalk):
                self.standing[eid] = "retired"

    def _claim(self, eid: str) -> None:
        """An emptied person keeps a claim on every record whose latest person it was."""
        self.held[eid] = frozenset(a for a, latest in self.latest.items() if latest == eid)

    def now_of(self, eid: str, crosswalk: dict[Address, str]) -> set[str]:
        """The persons that hold what a retired ID held when it was retired."""
        return {crosswalk[address] for address in self._live(eid, crosswalk)}

    @staticmethod
    def _persons(crosswalk: dict[Address, str]) -> dict[str, frozenset[Address]]:
        persons: dict[str, set[Address]] = {}
        for address, eid in crosswalk.items():
            persons.setdefault(eid, set()).add(address)
        return {eid: frozenset(records) for eid, records in persons.items()}

    def check_stewards_rule(self, crosswalk: dict[Address, str]) -> None:
        """Where the decisions in force agree with each other, each of them holds."""
        root: dict[Address, Address] = {}

        def find(address: Address) -> Address:
            while root.setdefault(address, address) != address:
                address = root[address]
            return address

        apart = []
        for kind, _, groups in self.decisions.values():
            if kind is DecisionKind.SAME:
                for other in groups[0][1:]:
                    root[find(other)] = find(groups[0][0])
            elif kind is DecisionKind.DIFFERENT:
                apart += [(a, b) for n, g in enumerate(groups) for h in groups[n + 1 :] for a in g for b in h]
        if any(find(a) == find(b) for a, b in apart):
            return
        for address in list(root):
            one, other = crosswalk.get(address), crosswalk.get(find(address))
            together = {crosswalk[a] for a in root if find(a) == find(address) and a in crosswalk}
            assert len(together) <= 1, f"a SAME does not hold: {one} {other}"
        for a, b in apart:
            assert a not in crosswalk or crosswalk[a] != crosswalk.get(b), "a DIFFERENT does not hold"
