"""Agreements as documents, from hostile files."""

import pytest

from mpi.domain.errors import InputError
from mpi.service.agreements.documents import parse_agreement_file


def test_a_file_with_deep_lists_is_refused():
    with pytest.raises(InputError, match=r"dsa\.toml: not TOML: lists or tables are nested too deeply"):
        parse_agreement_file("code = " + "[" * 3_000, "dsa.toml")
