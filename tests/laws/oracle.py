"""Oracle that derives what must be true of an index from what was sent, apart from its code."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mpi.domain.decision import Authority, DecisionKind
from tests.index import make_child

Address = tuple[str, str]
"""Source and local ID."""


@dataclass(frozen=True, order=True)
class Statement:
    """One statement of a source: its content, or None for a withdrawal."""

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

    def to_record(self, local_id: str) -> dict[str, object]:
        base = dict.fromkeys(make_child(None))
        return make_child(local_id, **base | dict(self.content or ()), as_of=self.as_of)


@dataclass
class OracleDecision:
    """A decision and its state.

    ``waiting`` decisions lack others' approval or consent and ``pending`` ones wait for a date; neither binds
    yet. A ``claim`` binds nobody. ``corrects`` is the attribute and value of a correction; ``asserted_by`` is
    the kind of a source's assertion and the record that carries it.
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
    asserted_by: tuple[str, Address] | None = None

    @property
    def is_waiting(self) -> bool:
        return self.waiting or self.pending

    def to_tuple(self):
        return (self.kind, self.authority, self.groups)


@dataclass
class PendingStep:
    """A step that waits for approval or consent: its decisions, and whether it undoes them.

    ``of`` is the step that an undo is of.
    """

    undoing: bool
    decision_numbers: tuple[int, ...]
    second: bool
    owners_asked: set[str]
    owners_consented: set[str] = field(default_factory=set)
    of: int | None = None

    @property
    def owners_open(self) -> set[str]:
        return self.owners_asked - self.owners_consented


@dataclass
class Oracle:
    """Every statement and decision, and the history of enterprise IDs.

    ``is_other_child`` tells whether two statements of one record are of two children.
    """

    is_other_child: Callable[[Statement, Statement], bool] = lambda _first, _second: False
    statements: dict[Address, list[Statement]] = field(default_factory=dict)
    sealed: set[Address] = field(default_factory=set)
    expunge_requests: set[Address] = field(default_factory=set)
    sealing_receipts: dict[Address, int] = field(default_factory=dict)
    all_decisions: dict[int, OracleDecision] = field(default_factory=dict)
    hold_decisions: dict[int, list[tuple[DecisionKind, int, tuple[tuple[Address, ...], ...]]]] = field(
        default_factory=dict
    )
    paused: set[str] = field(default_factory=set)
    moments: list[tuple[str, dict[Address, str]]] = field(default_factory=list)
    records_by_person: dict[str, frozenset[Address]] = field(default_factory=dict)
    status_by_person: dict[str, str] = field(default_factory=dict)
    latest_person: dict[Address, str] = field(default_factory=dict)
    receipts: int = 0
    released: dict[int, frozenset[int]] = field(default_factory=dict)
    refused: dict[int, frozenset[int]] = field(default_factory=dict)
    consent_sources: set[str] = field(default_factory=set)
    waiting_steps: dict[int, PendingStep] = field(default_factory=dict)
    approved: set[int | None] = field(default_factory=set)
    consented: dict[int | None, set[str]] = field(default_factory=dict)

    def add_statement(
        self, address: Address, as_of: str, content, *, sealing: bool = False, batch: int | None = None
    ) -> None:
        """Add an acknowledged statement."""
        if address in self.sealed:
            return
        self.receipts += 1
        is_held = not sealing and address[0] in self.paused and self._would_apply(address, as_of, content)
        statement = Statement(as_of, self.receipts, content, batch, is_held)
        if not sealing and not is_held and self._would_apply(address, as_of, content):
            statement = self._mark_doubt(address, statement)
        self.statements.setdefault(address, []).append(statement)
        if sealing:
            self.sealed.add(address)
            self.sealing_receipts[address] = statement.receipt
        self._reconsider_doubts(address)

    def lift_seal(self, address: Address) -> None:
        """Let a record be what it would be without the statement that sealed it."""
        self.sealed.discard(address)
        self.expunge_requests.discard(address)
        receipt = self.sealing_receipts.pop(address)
        self.statements[address] = [s for s in self.statements[address] if s.receipt != receipt]
        self._reconsider_doubts(address)

    def has_held_sealed(self, eid: str) -> bool:
        """Return whether a record that is sealed now was ever of a person."""
        return any(links.get(address) == eid for _, links in self.moments for address in self.sealed)

    def _mark_doubt(self, address: Address, statement: Statement) -> Statement:
        """Mark a statement of another child as doubtful; a statement refused before is refused again."""
        previous = max((s for s in self.statements.get(address, ()) if s.counts and s.content), default=None)
        if previous is None or not self.is_other_child(previous, statement):
            return statement
        was_refused = any(s.refused and s.content == statement.content for s in self.statements[address])
        return replace(statement, refused=was_refused, doubted=not was_refused)

    def _reconsider_doubts(self, address: Address) -> None:
        """Accept doubtful statements whose predecessor is the same child, or is gone."""
        previous: Statement | None = None
        cleared = set()
        for statement in sorted(self.statements.get(address, ())):
            if statement.content is None or statement.held or statement.refused:
                continue
            if statement.doubted:
                if previous is not None and self.is_other_child(previous, statement):
                    continue
                cleared.add(statement)
            previous = statement
        self.statements[address] = [
            replace(s, doubted=s.doubted and s not in cleared) for s in self.statements[address]
        ]

    def statements_in_review(self, address: Address) -> list[Statement]:
        """Return the statements that wait for review: doubtful, and newer than all that count."""
        statements = self.statements.get(address, ())
        latest_statement = max((s for s in statements if s.counts), default=None)
        return sorted(
            s for s in statements if s.doubted and (latest_statement is None or s > latest_statement)
        )

    @property
    def records_in_review(self) -> set[Address]:
        """Return records with a statement that waits for review."""
        return {
            address for address in self.statements.keys() - self.sealed if self.statements_in_review(address)
        }

    def release(self, address: Address, step: int) -> None:
        """Accept the latest statement that waits."""
        latest = self.statements_in_review(address)[-1]
        self.released[step] = frozenset([latest.receipt])
        self._mark(address, {latest.receipt}, doubted=False)
        self._reconsider_doubts(address)

    def refuse(self, address: Address, step: int) -> None:
        """Refuse every statement that waits."""
        refused_receipts = {s.receipt for s in self.statements_in_review(address)}
        self.refused[step] = frozenset(refused_receipts)
        self._mark(address, refused_receipts, doubted=False, refused=True)
        self._reconsider_doubts(address)

    def undo_answer(self, step: int) -> None:
        """Reopen an answered review, and after a release the later statements, unless answered themselves."""
        release = step in self.released
        answered = self.released if release else self.refused
        own_receipts = answered.pop(step)
        other_receipts = frozenset(receipt for each in answered.values() for receipt in each)
        for address, statements in list(self.statements.items()):
            first_statement = min(
                (s for s in statements if s.receipt in own_receipts and s.counts), default=None
            )
            if release and first_statement is not None:
                reopened = {
                    s.receipt
                    for s in statements
                    if s.counts and s >= first_statement and s.content is not None
                }
                self._mark(address, reopened - other_receipts, doubted=True)
            elif not release:
                refused_contents = [
                    s.content for s in statements if s.receipt in own_receipts - other_receipts and s.refused
                ]
                reopened = {s.receipt for s in statements if s.refused and s.content in refused_contents}
                self._mark(address, reopened - other_receipts, doubted=True, refused=False)
            self._reconsider_doubts(address)

    def _mark(self, address: Address, receipts: set[int] | frozenset[int], **marks: bool) -> None:
        self.statements[address] = [
            replace(s, **marks) if s.receipt in receipts else s for s in self.statements[address]
        ]

    def _would_apply(self, address: Address, as_of: str, content) -> bool:
        if content is None:
            return False
        latest = max((s for s in self.statements.get(address, ()) if s.counts), default=None)
        return latest is None or (as_of >= latest.as_of and latest.content != content)

    def resume_source(self, source: str) -> None:
        """Apply the held statements of a source that was paused."""
        self.paused.discard(source)
        for address, statements in self.statements.items():
            if address[0] == source:
                self.statements[address] = [
                    replace(s, held=False, doubted=s.doubted or s.held) for s in statements
                ]
                self._reconsider_doubts(address)

    def remove_load(self, batch: int) -> None:
        """Remove the statements of an undone load."""
        for address, statements in self.statements.items():
            self.statements[address] = [s for s in statements if s.batch != batch]
            if len(self.statements[address]) < len(statements):
                self._reconsider_doubts(address)

    def rename(self, old: Address, new: Address) -> None:
        """Give a record another local ID, in everything about it."""

        def follow(address: Address) -> Address:
            return new if address == old else address

        self.statements = {follow(a): statements for a, statements in self.statements.items()}
        self.latest_person = {follow(a): eid for a, eid in self.latest_person.items()}
        self.records_by_person = {
            eid: frozenset(map(follow, records)) for eid, records in self.records_by_person.items()
        }
        self.moments = [(at, {follow(a): e for a, e in links.items()}) for at, links in self.moments]
        for word in self.all_decisions.values():
            word.groups = tuple(tuple(map(follow, group)) for group in word.groups)
        self.hold_decisions = {
            n: [(k, a, tuple(tuple(map(follow, g)) for g in groups)) for k, a, groups in words]
            for n, words in self.hold_decisions.items()
        }

    @property
    def decisions_in_force(self) -> dict[int, tuple[DecisionKind, int, tuple[tuple[Address, ...], ...]]]:
        """Return the decisions in force, without those of holds."""
        words = {n: word for n, word in self.all_decisions.items() if word.corrects is None}
        return {n: word.to_tuple() for n, word in words.items() if self.is_in_force(n)}

    def is_in_force(self, number: int) -> bool:
        """Return whether a decision is neither revoked, nor waiting, nor superseded."""
        word = self.all_decisions[number]
        return not (word.revoked or word.is_waiting or word.claim or self._is_superseded(number))

    def _is_superseded(self, number: int) -> bool:
        above = [n for n, word in self.all_decisions.items() if number in word.supersedes]
        return any(
            self.is_in_force(n) or (not self.all_decisions[n].is_waiting and self._is_superseded(n))
            for n in above
        )

    def apply_step(self, step: int) -> None:
        """Apply a step that no longer waits: its decisions bind, or those it undoes are revoked."""
        pending_step = self.waiting_steps.pop(step)
        for number in pending_step.decision_numbers:
            word = self.all_decisions[number]
            word.waiting = False
            if pending_step.undoing:
                self.revoke(number)

    def cancel_step(self, step: int) -> None:
        """Cancel a step that waits."""
        pending_step = self.waiting_steps[step]
        for number in () if pending_step.undoing else pending_step.decision_numbers:
            self.revoke(number)
        self.waiting_steps.pop(step, None)

    def revoke(self, number: int) -> None:
        """Revoke a decision; steps that wait with it go on without it."""
        self.all_decisions[number].revoked, self.all_decisions[number].waiting = True, False
        for step, pending_step in list(self.waiting_steps.items()):
            pending_step.decision_numbers = tuple(n for n in pending_step.decision_numbers if n != number)
            if not pending_step.decision_numbers:
                del self.waiting_steps[step]

    def contradicts(self, kind: DecisionKind, groups, leaving_out: frozenset[int] = frozenset()) -> bool:
        """Return whether a steward's decision would contradict those in force."""
        words = [
            (k, g)
            for n, (k, authority, g) in self.decisions_in_force.items()
            if authority >= Authority.STEWARD and n not in leaving_out
        ]
        sames = [g[0] for k, g in words if k is DecisionKind.SAME]
        if kind is DecisionKind.DIFFERENT:
            return _connects(sames, groups)
        if kind is DecisionKind.SAME:
            apart = [g for k, g in words if k is DecisionKind.DIFFERENT and not _connects(sames, g)]
            return any(_connects([*sames, groups[0]], g) for g in apart)
        return False

    @property
    def active(self) -> dict[Address, Statement]:
        """The active version of each record: greatest as-of, then receipt."""
        counted = {
            address: [statement for statement in statements if statement.counts]
            for address, statements in self.statements.items()
            if address not in self.sealed
        }
        latest = {address: max(statements) for address, statements in counted.items() if statements}
        return {
            address: statements for address, statements in latest.items() if statements.content is not None
        }

    def carried_restrictions(self, address: Address) -> list[dict[str, str]]:
        """Return the restrictions that stay in force although the active version leaves them out.

        All contents of the tests have restrictions of one kind only.
        """
        statements = sorted(s for s in self.statements[address] if s.counts)
        last_day = statements[-1].as_of[:10]
        *earlier, current = (dict(s.content)["restrictions"] for s in statements if s.content is not None)
        stated = next((restrictions for restrictions in reversed(earlier) if restrictions), ())
        return [] if current else [r for r in stated if r["end"] > last_day]

    def check_stable_ids(self, at: str, crosswalk: dict[Address, str]) -> None:
        """Check that IDs are stable from one commit to the next, and remember the state."""
        persons_before = self._persons(self.moments[-1][1] if self.moments else {})
        persons_after = self._persons(crosswalk)
        self._check_same_persons(persons_before, persons_after)
        minted = persons_after.keys() - self.status_by_person.keys()
        for eid in minted:
            revivable = [
                old
                for old, status in self.status_by_person.items()
                if status != "active" and self._active_records(old, crosswalk) == persons_after[eid]
            ]
            assert not revivable, f"{eid} was minted where {revivable} should live again"
        for eid in self.status_by_person | persons_after:
            self._track_person(eid, persons_before.get(eid), persons_after.get(eid), crosswalk)
        self.latest_person.update(crosswalk)
        self.moments.append((at, crosswalk))

    def _check_same_persons(self, before, after) -> None:
        borne = {records: eid for eid, records in after.items()}
        for eid, records in before.items():
            assert borne.get(records, eid) == eid, "an ID changed where no membership did"

    def _active_records(self, eid: str, crosswalk) -> frozenset[Address]:
        return frozenset(address for address in self.records_by_person[eid] if address in crosswalk)

    def _track_person(self, eid, before, after, crosswalk) -> None:
        if after:
            last = before or self.records_by_person.get(eid)
            assert last is None or last & after, f"{eid} was given to records that it never held"
            self.records_by_person[eid], self.status_by_person[eid] = after, "active"
            return
        if before:
            self.records_by_person[eid] = before
            self.status_by_person[eid] = "retired" if self._active_records(eid, crosswalk) else "empty"
            if self.status_by_person[eid] == "empty":
                self._keep_claim(eid)
        elif self.status_by_person[eid] == "empty":
            self._keep_claim(eid)
            if self._active_records(eid, crosswalk):
                self.status_by_person[eid] = "retired"

    def _keep_claim(self, eid: str) -> None:
        """Let an emptied person keep a claim on every record whose latest person it was."""
        self.records_by_person[eid] = frozenset(
            a for a, latest in self.latest_person.items() if latest == eid
        )

    def successors(self, eid: str, crosswalk: dict[Address, str]) -> set[str]:
        """Return the persons that hold the records which a retired ID held when it was retired."""
        return {crosswalk[address] for address in self._active_records(eid, crosswalk)}

    @staticmethod
    def _persons(crosswalk: dict[Address, str]) -> dict[str, frozenset[Address]]:
        persons: dict[str, set[Address]] = {}
        for address, eid in crosswalk.items():
            persons.setdefault(eid, set()).add(address)
        return {eid: frozenset(records) for eid, records in persons.items()}

    def has_contradiction(self) -> bool:
        """Return whether decisions in force contradict each other, so that one of them yields."""
        words = [(k, g) for k, _, g in self.decisions_in_force.values()]
        sames = [g[0] for k, g in words if k is DecisionKind.SAME]
        return any(_connects(sames, g) for k, g in words if k is DecisionKind.DIFFERENT)

    def check_stewards_rule(self, crosswalk: dict[Address, str]) -> None:
        """Check that every decision in force holds when none contradicts another."""
        root: dict[Address, Address] = {}

        def find(address: Address) -> Address:
            while root.setdefault(address, address) != address:
                address = root[address]
            return address

        different_pairs = []
        for kind, _, groups in self.decisions_in_force.values():
            if kind is DecisionKind.SAME:
                for member in groups[0][1:]:
                    root[find(member)] = find(groups[0][0])
            elif kind is DecisionKind.DIFFERENT:
                different_pairs += [
                    (a, b) for n, g in enumerate(groups) for h in groups[n + 1 :] for a in g for b in h
                ]
        if any(find(a) == find(b) for a, b in different_pairs):
            return
        for address in list(root):
            person, member = crosswalk.get(address), crosswalk.get(find(address))
            joined_persons = {crosswalk[a] for a in root if find(a) == find(address) and a in crosswalk}
            assert len(joined_persons) <= 1, f"a SAME does not hold: {person} {member}"
        for a, b in different_pairs:
            assert a not in crosswalk or crosswalk[a] != crosswalk.get(b), "a DIFFERENT does not hold"


def _connects(sames, groups) -> bool:
    """Return whether SAME groups connect two of the groups."""
    for position, group in enumerate(groups):
        reachable, grown = set(group), True
        while grown:
            next_records = {a for same in sames if reachable & set(same) for a in same} - reachable
            reachable |= next_records
            grown = bool(next_records)
        if any(reachable & set(other_group) for other_group in groups[position + 1 :]):
            return True
    return False
