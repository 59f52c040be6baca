"""Steward of the sandbox.

It does a documented step some seconds after a record came.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import MpiError, describe_origin
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import make_operator
from mpi.sandbox.magic_records import DUPLICATE_IDS, PARTNER_OF, SIS, STATE, MagicName
from mpi.service.core.index import Index
from mpi.service.maintenance.feed_generation import begin_generation_after_restore
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.records import record_reader
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.merge_split_move import StepOptions, merge, split

DELAY_S = 3.0
"""Seconds from a record to the step that follows it."""
_POLL_S = 0.25
_REASON = "sandbox"
_STEWARD = make_operator("demo-steward")
_log = logging.getLogger("mpi.sandbox")


class Steward:
    """Background thread that reads the change feed and answers magic records.

    The feed tells of a record whatever way it came: one by one, in bulk, over Ed-Fi.

    Args:
        index: the open index of the sandbox.
        delay_s: seconds from a record to its step.
    """

    def __init__(self, index: Index, delay_s: float = DELAY_S) -> None:
        self._index = index
        self._delay_s = delay_s
        self._cursor = 0
        self._known: set[RecordRef] = set()
        self._planned: list[tuple[float, MagicName, RecordRef]] = []
        self._stop_requested = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sandbox steward", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stop_requested.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop_requested.wait(min(_POLL_S, self._delay_s)):
            try:
                self._plan_steps()
            except MpiError as error:
                _log.warning("the steward read nothing: %s", describe_origin(error))
            for name, record in self._take_due():
                try:
                    self._do_step(name, record)
                except MpiError as error:
                    _log.warning("the steward did nothing: %s (%s)", error, describe_origin(error))

    def _plan_steps(self) -> None:
        """Read what came since, and plan a step for each magic record."""
        page = read_change_feed(self._index, _STEWARD, self._cursor, limit=1_000)
        self._cursor = page.cursor
        for event in page.events:
            record = RecordRef(event.source, event.local_id)
            if event.source != SIS or event.after is None or record in self._known:
                continue
            self._known.add(record)
            name = self._find_name(record)
            if name is not None:
                self._planned.append((time.monotonic() + self._delay_s, name, record))

    def _find_name(self, record: RecordRef) -> MagicName | None:
        """Return the magic name of a record, if a step follows it."""
        content = record_reader.read(self._index, _STEWARD, record.source, record.local_id)["record"]
        with suppress(ValueError):
            name = MagicName(str(content.get("last_name", "")).capitalize())
            return name if name in PARTNER_OF or name is MagicName.RESTORE else None
        return None

    def _take_due(self) -> Iterator[tuple[MagicName, RecordRef]]:
        now = time.monotonic()
        due = [plan for plan in self._planned if plan[0] <= now]
        self._planned = [plan for plan in self._planned if plan[0] > now]
        return ((name, record) for _, name, record in due)

    def _do_step(self, name: MagicName, record: RecordRef) -> None:
        """Do the step of a magic record, as a steward would."""
        if name is MagicName.RESTORE:
            begin_generation_after_restore(self._index.database, _STEWARD)
            return
        partner = RecordRef(STATE, PARTNER_OF[name])
        own_id, partner_id = self.find_id(record), self.find_id(partner)
        if own_id is None or partner_id is None or (own_id == partner_id) != (name is MagicName.SPLIT):
            return  # somebody was faster on the desk
        match name:
            case MagicName.REVIEW:
                decide(
                    self._index, _STEWARD, DecisionRequest(DecisionKind.SAME, [[record, partner]], _REASON)
                )
            case MagicName.RETIRE:
                merge(self._index, _STEWARD, [own_id, partner_id], StepOptions(_REASON), survivor=partner_id)
            case _:
                split(self._index, _STEWARD, own_id, [[record]], StepOptions(_REASON), keep=partner)

    def find_id(self, record: RecordRef) -> str | None:
        """Return a record's present enterprise ID, as a program may read it."""
        return look_up_crosswalk(self._index, _STEWARD, record.source, record.local_id).enterprise_id

    def change_duplicate(self) -> None:
        """Change a record of the duplicate child, as its school would."""
        local_id = DUPLICATE_IDS[0]
        content = record_reader.read(self._index, _STEWARD, SIS, local_id)["record"]
        names = ("local_id", "first_name", "last_name", "birth_date", "sex")
        upsert(self._index, _STEWARD, SIS, {name: content[name] for name in names} | {"grade": "06"})

    def is_duplicate(self, enterprise_ids: set[str]) -> bool:
        """Return whether enterprise IDs are those of the duplicate child."""
        return enterprise_ids == {self.find_id(RecordRef(SIS, local_id)) for local_id in DUPLICATE_IDS}
