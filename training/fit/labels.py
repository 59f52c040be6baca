"""Labelled pairs among the candidate pairs of a fit.

Stewards label the pairs that a model doubts, so their pairs are no sample of all pairs: counted by
themselves they would teach that matches look doubtful. Within expectation maximization over *all*
candidate pairs they do no such thing. Each pair counts once, labelled or not, and a label only
replaces the model's guess. As long as labelling depends on what the two records show (their weight
put them into the review band) and not on who they are, that is the maximum of the likelihood,
whatever the band was (Rubin 1976, on when missing data may be ignored; Nigam et al. 2000, on
learning from few labels).

u is counted on random pairs and no label enters it. A pair that blocking missed is added to the
candidates if it is a match, as the candidates lack it. Different people whom blocking never pairs
teach nothing about m.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

LABEL_SCHEMA = pa.schema([("lo", pa.int64()), ("hi", pa.int64()), ("same", pa.bool_())])


@dataclass(frozen=True, slots=True)
class LabelledPosteriors:
    """Known match probabilities and sampling weights of candidate pairs.

    Args:
        posterior: 1 or 0 for a labelled pair; NaN for any other.
        weight: number of pairs that each stands for.
    """

    posterior: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]

    def expected_matches(self, guessed: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the matches that each pair stands for, by label or guess.

        Args:
            guessed: posterior probability of each pair by the model.
        """
        return self.weight * np.where(np.isnan(self.posterior), guessed, self.posterior)


def add_labels(
    pairs: pa.Table, labels: pa.Table, max_pairs: int, generator: np.random.Generator
) -> tuple[pa.Table, LabelledPosteriors]:
    """Select candidate pairs to learn m on, and attach their labels.

    Args:
        pairs: ``lo``, ``hi``, ``rules``: all candidates, ascending.
        labels: ``lo``, ``hi``, ``same``, each pair once.
        max_pairs: most candidates to learn on. Of more, all labelled ones are taken and weigh as much
            as if they had been drawn like the rest.
        generator: random generator of the draw.
    """
    labelled = pairs.join(labels, keys=["lo", "hi"], join_type="full outer")
    labelled = labelled.sort_by([("lo", "ascending"), ("hi", "ascending")])
    is_candidate = labelled["rules"].is_valid().to_numpy()
    posterior = _to_posterior(labelled)
    share = min(1.0, max_pairs / max(len(pairs), 1))
    is_drawn = is_candidate & np.isnan(posterior) & (generator.random(len(labelled)) < share)
    # A non-match that no rule yields teaches nothing.
    is_selected = is_drawn | (posterior == 1.0) | (is_candidate & (posterior == 0.0))
    selected_posterior = posterior[is_selected]
    selected = labelled.filter(pa.array(is_selected))
    return (
        pa.table({"lo": selected["lo"], "hi": selected["hi"], "rules": selected["rules"].fill_null(0)}),
        LabelledPosteriors(selected_posterior, np.where(np.isnan(selected_posterior), 1.0, share)),
    )


def _to_posterior(pairs: pa.Table) -> npt.NDArray[np.float64]:
    """Convert each pair's label ``same`` to 1, 0 or NaN."""
    return np.asarray(pairs["same"].cast(pa.int8()).cast(pa.float64()).to_numpy(), dtype=np.float64)
