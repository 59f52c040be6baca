"""The access policy written a second time, in Cedar, decides every request alike."""

import os
import random
from collections import Counter

from mpi.policy.decision_table import decide
from mpi.policy.reasons import ReasonCode
from tests.policy.cedar import DAY, ask_cedar, ask_program, draw_question

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
