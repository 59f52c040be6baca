"""The access policy written a second time, in Cedar, decides every request alike."""

import os
import random
from collections import Counter

from mpi.policy.cases.child_reports import ReportReader, ReportReason, find_report_refusal
from mpi.policy.decision_table import DEFAULT_PURPOSES, decide
from mpi.policy.reasons import ReasonCode
from tests.policy.cedar import (
    DAY,
    ask_cedar,
    ask_cedar_for_report,
    ask_program,
    draw_question,
    draw_report_question,
)

QUESTIONS = int(os.environ.get("POLICY_QUESTIONS", "2000"))


def test_cedar_and_the_program_decide_random_requests_alike():
    chance = random.Random(29)
    reasons: Counter[ReasonCode] = Counter()
    for _ in range(QUESTIONS):
        question = draw_question(chance)
        decision = decide(question.request, question.agreement, DAY)
        reasons[decision.reason_code] += 1
        assert ask_program(question, decision) == ask_cedar(question), (question, decision)
    print(
        f"{QUESTIONS:,} requests decided alike:",
        *(f"  {reason} {count:,}" for reason, count in reasons.most_common()),
        sep="\n",
    )
    assert reasons["permitted"] > QUESTIONS / 10
    assert len(reasons) >= len(ReasonCode) - 4


def test_cedar_and_the_program_show_the_same_published_reports():
    chance = random.Random(30)
    reasons: Counter[str] = Counter()
    for _ in range(QUESTIONS):
        asked = draw_report_question(chance)
        question = asked.question
        request, agreement = question.request, question.agreement
        purpose = request.purpose
        if purpose is None and agreement is not None:
            purpose = DEFAULT_PURPOSES.get(agreement.code)
        reader = ReportReader(request.role, purpose, request.party)
        refusal = find_report_refusal(asked.report, asked.smallest_shown, reader, agreement)
        may_read = decide(request, agreement, DAY).is_permitted
        is_shown = may_read and refusal is None
        assert (may_read, is_shown) == ask_cedar_for_report(asked), (asked, refusal)
        reasons["not read" if not may_read else "shown" if refusal is None else refusal.code] += 1
    print(f"{QUESTIONS:,} reports:", *(f"  {reason} {n:,}" for reason, n in reasons.most_common()), sep="\n")
    assert reasons["shown"] > QUESTIONS / 50
    assert reasons.keys() == {"shown", "not read", *ReportReason}
