"""Why each pair of a burst of similar questions is asked."""

from mpi.domain.viewer import make_operator
from mpi.service.explanations.question_evidence import UNSAID, load_question_evidence
from mpi.service.explanations.rivals import RIVAL_REASONS
from mpi.service.review.question_view import BURST, load_question_view
from mpi.service.review.queue import Filters, load_queue_page
from tests.index import load_rows, many_children, open_test_index

SIMILAR_QUESTIONS = 24


def test_each_pair_of_a_burst_says_why_it_is_asked(tmp_path):
    with open_test_index(tmp_path, "sis", "ccwis") as index:
        for source, day in (("sis", "11"), ("ccwis", "12")):
            children = [
                {**child, "birth_date": f"{child['birth_date'][:8]}{day}"}
                for child in many_children(SIMILAR_QUESTIONS)
            ]
            load_rows(index, source, *children)
        viewer = make_operator()
        [burst] = [one for one in load_queue_page(index, viewer, Filters()).questions if one.burst]
        view = load_question_view(index, viewer, burst.key)
        assert view.shape == BURST
        pairs = load_question_evidence(index, viewer, view).pairs
        assert len(pairs) == 10
        assert all(pair.reason for pair in pairs)
        # Rivals are named on the page of each question.
        assert not any(pair.rivals for pair in pairs)
        assert not {pair.reason for pair in pairs} & (RIVAL_REASONS - {UNSAID})
