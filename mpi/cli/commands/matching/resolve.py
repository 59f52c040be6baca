"""Command ``mpi resolve``: upsert one record."""

from mpi.cli.arguments import read_record, take_source
from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json


def run(as_json: JsonFlag = False) -> None:
    """Store a record from standard input; print its ID.

    The record is one JSON object: a canonical record (docs/canonical-record.md) and its "source".
    """
    from mpi.service.records import upsert

    record = read_record()
    source = take_source(record)
    with open_session() as session:
        answer = upsert.upsert(session.index, session.viewer, source, record).as_dict()
    if as_json:
        print_json(answer)
        return
    answer["issues"] = [f"{issue['field']}: {issue['code']}" for issue in answer["issues"]]
    print_facts({name.replace("_", " "): value for name, value in answer.items()})
