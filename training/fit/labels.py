"""Labelled pairs among the candidates of a fit.

Stewards label what a model doubts, so their pairs are no sample of all pairs: counted by themselves they
would teach that matches look doubtful. Within expectation maximisation over *all* candidate pairs they do no
such thing. Each pair counts once, labelled or not, and a label only replaces what the model would have
guessed about it. As long as a pair's being labelled depends on what its two records show (its weight put it
into the review band) and not on who they are, that is the maximum of the likelihood whatever the band was
(Rubin 1976, on when missing data may be ignored; Nigam et al. 2000, on learning from few labels).

u is counted on random pairs and no label enters it. A pair that blocking missed is added to the candidates if
it is a match, for it is one that the candidates lack; different people whom blocking kept apart say nothing
that m could use.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

LABEL_SCHEMA = pa.schema([("lo", pa.int64()), ("hi", pa.int64()), ("same", pa.bool_())])


@dataclass(frozen=True, slots=True)
class LabelledPosteriors:
    """What is known of the candidate pairs.

    Args:
        posterior: 1 or 0 of a labelled pair; NaN of any other.
        weight: how many pairs each stands for.
    """

    posterior: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]

    def expected_matches(self, guessed: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Expected matches that each pair stands for: as labelled, or else as guessed."""
        return self.weight * np.where(np.isnan(self.posterior), guessed, self.posterior)


def add_labels(
    pairs: pa.Table, labels: pa.Table, most: int, generator: np.random.Generator
) -> tuple[pa.Table, LabelledPosteriors]:
    """The candidate pairs that m is learned on, and what is known of them.

    Args:
        pairs: ``lo``, ``hi``, ``rules``: all candidates, ascending.
        labels: ``lo``, ``hi``, ``same``, each pair once.
        most: how many candidates to learn on; where there are more, labelled ones are all kept and weigh as
            much as if they had been drawn like the rest.
        generator: to draw with.
    """
    marked = pairs.join(labels, keys=["lo", "hi"], join_type="full outer")
    marked = marked.sort_by([("lo", "ascending"), ("hi", "ascending")])
    blocked = marked["rules"].is_valid().to_numpy()
    posterior = _to_posterior(marked)
    share = min(1.0, most / max(len(pairs), 1))
    drawn = blocked & np.isnan(posterior) & (generator.random(len(marked)) < share)
    # Different people whom no rule brings together teach nothing.
    kept = drawn | (posterior == 1.0) | (blocked & (posterior == 0.0))
    known = posterior[kept]
    taken = marked.filter(pa.array(kept))
    return (
        pa.table({"lo": taken["lo"], "hi": taken["hi"], "rules": taken["rules"].fill_null(0)}),
        LabelledPosteriors(known, np.where(np.isnan(known), 1.0, share)),
    )


def _to_posterior(pairs: pa.Table) -> npt.NDArray[np.float64]:
    """1, 0 or NaN for each pair's ``same``."""
    return np.asarray(pairs["same"].cast(pa.int8()).cast(pa.float64()).to_numpy(), dtype=np.float64)
