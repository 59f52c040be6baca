"""What must be true of an index, told from what was sent to it: kept apart from how the index does it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mpi.domain.decision import Authority, DecisionKind
from tests.index import a_child

Address = tuple[str, str]
"""Source and local ID."""


@dataclass(frozen=True, order=True)
class Said:
    """One statement of a source: a content, or None where it says that the record is gone."""

    as_of: str
    receipt: int
    content: tuple[tuple[str, object], ...] | None = field(compare=False)
    batch: int | None = field(default=None, compare=False)
    held: bool = field(default=False, compare=False)
    doubted: bool = field(default=False, compare=False)
    refused: bool = field(default=False, compare=False)

    @property
    def counts(self) -> bool:
        """Whether it neither waits nor was refused."""
        return not (self.held or self.doubted or self.refused)

    def sent(self, local_id: str) -> dict[str, object]:
        base = dict.fromkeys(a_child(None))
        return a_child(local_id, **base | dict(self.content or ()), as_of=self.as_of)


@dataclass
class Word:
    """A decision: what was said, and what became of it.

    ``waiting`` for others' words or ``pending`` its day it does not bind yet; a ``claim`` binds nobody.
    ``corrects`` is the attribute and value of a correction; ``said_by`` the kind of a source's assertion, and
    the record that it is said with.
    """

    kind: DecisionKind
    authority: int
    groups: tuple[tuple[Address, ...], ...]
    supersedes: frozenset[int] = frozenset()
    revoked: bool = False
    waiting: bool = False
    pending: bool = False
    claim: bool = False
    corrects: tuple[str, object] | None = None
    step: int | None = None
    said_by: tuple[str, Address] | None = None

    @property
    def not_yet(self) -> bool:
        return self.waiting or self.pending

    def plain(self):
        return (self.kind, self.authority, self.groups)


@dataclass
class Waiting:
    """A step that waits: with which words, to say them or to take them back, and for whom.

    ``of`` is the step that an undo is of.
    """

    undoing: bool
    words: tuple[int, ...]
    second: bool
    asked: set[str]
    given: set[str] = field(default_factory=set)
    of: int | None = None

    @property
    def open(self) -> set[str]:
        return self.asked - self.given


@dataclass
class Oracle:
    """Every statement and decision, and who bore which ID at which moment.

    ``another`` tells of two statements of one record whether they are of two children.
    """

    another: Callable[[Said, Said], bool] = lambda _one, _other: False
    said: dict[Address, list[Said]] = field(default_factory=dict)
    sealed: set[Address] = field(default_factory=set)
    words: dict[int, Word] = field(default_factory=dict)
    holding: dict[int, list[tuple[DecisionKind, int, tuple[tuple[Address, ...], ...]]]] = field(
        default_factory=dict
    )
    paused: set[str] = field(default_factory=set)
    moments: list[tuple[str, dict[Address, str]]] = field(default_factory=list)
    held: dict[str, frozenset[Address]] = field(default_factory=dict)
    standing: dict[str, str] = field(default_factory=dict)
    latest: dict[Address, str] = field(default_factory=dict)
    receipts: int = 0
    released: dict[int, frozenset[int]] = field(default_factory=dict)
    refused: dict[int, frozenset[int]] = field(default_factory=dict)
    asking: set[str] = field(default_factory=set)
    waiting_steps: dict[int, Waiting] = field(default_factory=dict)
    approved: set[int | None] = field(default_factory=set)
    consented: dict[int | None, set[str]] = field(default_factory=dict)

    def hear(
        self, address: Address, as_of: str, content, *, sealing: bool = False, batch: int | None = None
    ) -> None:
        """A statement was acknowledged."""
        if address in self.sealed:
            return
        self.receipts += 1
        held = not sealing and address[0] in self.paused and self._would_take_effect(address, as_of, content)
        said = Said(as_of, self.receipts, content, batch, held)
        if not sealing and not held and self._would_take_effect(address, as_of, content):
            said = self._doubted(address, said)
        self.said.setdefault(address, []).append(said)
        if sealing:
            self.sealed.add(address)
        self._judge_again(address)

    def _doubted(self, address: Address, said: Said) -> Said:
        """Another child under the local ID waits for a person; to what was refused once, the answer is no."""
        before = max((s for s in self.said.get(address, ()) if s.counts and s.content), default=None)
        if before is None or not self.another(before, said):
            return said
        no = any(s.refused and s.content == said.content for s in self.said[address])
        return replace(said, refused=no, doubted=not no)

    def _judge_again(self, address: Address) -> None:
        """What waits counts after all where what counts before it is the same child, or is gone."""
        before: Said | None = None
        cleared = set()
        for one in sorted(self.said.get(address, ())):
            if one.content is None or one.held or one.refused:
                continue
            if one.doubted:
                if before is not None and self.another(before, one):
                    continue
                cleared.add(one)
            before = one
        self.said[address] = [replace(s, doubted=s.doubted and s not in cleared) for s in self.said[address]]

    def waiting(self, address: Address) -> list[Said]:
        """What a person is asked about: what is doubted and newer than all that counts."""
        said = self.said.get(address, ())
        latest = max((s for s in said if s.counts), default=None)
        return sorted(s for s in said if s.doubted and (latest is None or s > latest))

    @property
    def asked(self) -> set[Address]:
        """Records of which something waits for a person."""
        return {address for address in self.said.keys() - self.sealed if self.waiting(address)}

    def release(self, address: Address, step: int) -> None:
        """The latest that waits counts."""
        latest = self.waiting(address)[-1]
        self.released[step] = frozenset([latest.receipt])
        self._mark(address, {latest.receipt}, doubted=False)
        self._judge_again(address)

    def refuse(self, address: Address, step: int) -> None:
        """Whatever waits counts for nothing."""
        no = {s.receipt for s in self.waiting(address)}
        self.refused[step] = frozenset(no)
        self._mark(address, no, doubted=False, refused=True)
        self._judge_again(address)

    def undo_answer(self, step: int) -> None:
        """What was answered waits again, and with a release what came after it, unless answered itself."""
        release = step in self.released
        answered = self.released if release else self.refused
        mine = answered.pop(step)
        others = frozenset(receipt for each in answered.values() for receipt in each)
        for address, said in list(self.said.items()):
            first = min((s for s in said if s.receipt in mine and s.counts), default=None)
            if release and first is not None:
                again = {s.receipt for s in said if s.counts and s >= first and s.content is not None}
                self._mark(address, again - others, doubted=True)
            elif not release:
                no = [s.content for s in said if s.receipt in mine - others and s.refused]
                again = {s.receipt for s in said if s.refused and s.content in no}
                self._mark(address, again - others, doubted=True, refused=False)
            self._judge_again(address)

    def _mark(self, address: Address, receipts: set[int] | frozenset[int], **marks: bool) -> None:
        self.said[address] = [replace(s, **marks) if s.receipt in receipts else s for s in self.said[address]]

    def _would_take_effect(self, address: Address, as_of: str, content) -> bool:
        if content is None:
            return False
        latest = max((s for s in self.said.get(address, ()) if s.counts), default=None)
        return latest is None or (as_of >= latest.as_of and latest.content != content)

    def let_go(self, source: str) -> None:
        """What a paused source said takes effect."""
        self.paused.discard(source)
        for address, said in self.said.items():
            if address[0] == source:
                self.said[address] = [replace(s, held=False, doubted=s.doubted or s.held) for s in said]
                self._judge_again(address)

    def unhear(self, batch: int) -> None:
        """A load was taken back: nothing that it said counts any more."""
        for address, said in self.said.items():
            self.said[address] = [s for s in said if s.batch != batch]
            if len(self.said[address]) < len(said):
                self._judge_again(address)

    def rename(self, old: Address, new: Address) -> None:
        """A record got another local ID; everything about it follows."""

        def follow(address: Address) -> Address:
            return new if address == old else address

        self.said = {follow(a): said for a, said in self.said.items()}
        self.latest = {follow(a): eid for a, eid in self.latest.items()}
        self.held = {eid: frozenset(map(follow, held)) for eid, held in self.held.items()}
        self.moments = [(at, {follow(a): e for a, e in links.items()}) for at, links in self.moments]
        for word in self.words.values():
            word.groups = tuple(tuple(map(follow, group)) for group in word.groups)
        self.holding = {
            n: [(k, a, tuple(tuple(map(follow, g)) for g in groups)) for k, a, groups in words]
            for n, words in self.holding.items()
        }

    @property
    def decisions(self) -> dict[int, tuple[DecisionKind, int, tuple[tuple[Address, ...], ...]]]:
        """The words in force, those of holds left out."""
        words = {n: word for n, word in self.words.items() if word.corrects is None}
        return {n: word.plain() for n, word in words.items() if self.in_force(n)}

    def in_force(self, number: int) -> bool:
        """Neither taken back, nor is its place taken by one in force, or by one whose place is taken so."""
        word = self.words[number]
        return not (word.revoked or word.not_yet or word.claim or self._replaced(number))

    def _replaced(self, number: int) -> bool:
        above = [n for n, word in self.words.items() if number in word.supersedes]
        return any(self.in_force(n) or (not self.words[n].not_yet and self._replaced(n)) for n in above)

    def take_effect(self, step: int) -> None:
        """Nobody is awaited any more: a step's words bind, or those that it takes back do not."""
        waits = self.waiting_steps.pop(step)
        for number in waits.words:
            word = self.words[number]
            word.waiting = False
            if waits.undoing:
                self.revoke(number)

    def end(self, step: int) -> None:
        """A step that waits comes to nothing."""
        waits = self.waiting_steps[step]
        for number in () if waits.undoing else waits.words:
            self.revoke(number)
        self.waiting_steps.pop(step, None)

    def revoke(self, number: int) -> None:
        """A word was taken back; whatever waits with it waits without it."""
        self.words[number].revoked, self.words[number].waiting = True, False
        for step, waits in list(self.waiting_steps.items()):
            waits.words = tuple(n for n in waits.words if n != number)
            if not waits.words:
                del self.waiting_steps[step]

    def contradicts(self, kind: DecisionKind, groups, leaving_out: frozenset[int] = frozenset()) -> bool:
        """Whether a steward's word would contradict those in force."""
        words = [
            (k, g)
            for n, (k, authority, g) in self.decisions.items()
            if authority >= Authority.STEWARD and n not in leaving_out
        ]
        sames = [g[0] for k, g in words if k is DecisionKind.SAME]
        if kind is DecisionKind.DIFFERENT:
            return _chains(sames, groups)
        if kind is DecisionKind.SAME:
            apart = [g for k, g in words if k is DecisionKind.DIFFERENT and not _chains(sames, g)]
            return any(_chains([*sames, groups[0]], g) for g in apart)
        return False

    @property
    def active(self) -> dict[Address, Said]:
        """The active version of each record: greatest as-of, then receipt."""
        counted = {
            address: [one for one in said if one.counts]
            for address, said in self.said.items()
            if address not in self.sealed
        }
        latest = {address: max(said) for address, said in counted.items() if said}
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

    def words_meet(self) -> bool:
        """Whether words in force contradict each other, so that one of them gives way."""
        words = [(k, g) for k, _, g in self.decisions.values()]
        sames = [g[0] for k, g in words if k is DecisionKind.SAME]
        return any(_chains(sames, g) for k, g in words if k is DecisionKind.DIFFERENT)

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


def _chains(sames, groups) -> bool:
    """Whether groups of records that are the same reach from one group to another."""
    for place, group in enumerate(groups):
        reached, grown = set(group), True
        while grown:
            more = {a for same in sames if reached & set(same) for a in same} - reached
            reached |= more
            grown = bool(more)
        if any(reached & set(other) for other in groups[place + 1 :]):
            return True
    return False
