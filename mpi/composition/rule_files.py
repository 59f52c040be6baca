"""Files of rules, from the settings or the program."""

from functools import lru_cache
from pathlib import Path

from mpi.config import Settings
from mpi.domain.errors import InputError, SurvivorshipError
from mpi.domain.survivorship.rule_file import parse_rules
from mpi.domain.survivorship.rules import SurvivorshipRules
from mpi.policy.legal_bases import LegalBasis, parse_legal_bases
from mpi.standardize.quality.declared_rules import DeclaredRule
from mpi.standardize.quality.rule_file import parse_declared_rules

_PROGRAM = Path(__file__).parent.parent
_SURVIVORSHIP = _PROGRAM / "survivorship.toml"
_QUALITY_RULES = _PROGRAM / "quality_rules.toml"
_LEGAL_BASES = _PROGRAM / "policy" / "legal_bases.toml"


def load_survivorship(settings: Settings) -> SurvivorshipRules:
    """Read the survivorship rules of the golden record.

    Raises:
        SurvivorshipError: the file cannot be read, or holds an invalid rule.
    """
    path = settings.survivorship or _SURVIVORSHIP
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SurvivorshipError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SurvivorshipError(f"{path}: not UTF-8") from None
    return _parse_survivorship(text, str(path))


def load_legal_bases(settings: Settings) -> dict[str, LegalBasis]:
    """Read the home folder's table of legal bases, or the default.

    Raises:
        InputError: the file cannot be read, or holds an invalid row.
    """
    own_path = settings.home / _LEGAL_BASES.name
    path = own_path if own_path.exists() else _LEGAL_BASES
    try:
        return dict(_parse_legal_bases(path.read_text(encoding="utf-8"), str(path)))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8") from None


def load_declared_rules(settings: Settings) -> tuple[DeclaredRule, ...]:
    """Read the rules about values of records: the program's and a state's.

    Raises:
        InputError: a file cannot be read, or holds an invalid rule.
    """
    rules: tuple[DeclaredRule, ...] = ()
    for path in (_QUALITY_RULES, settings.quality_rules):
        if path is None:
            continue
        try:
            rules = _parse_declared_rules(path.read_text(encoding="utf-8"), str(path), rules)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise InputError(f"{path}: not UTF-8") from None
    return rules


# A process may open many indexes, and to parse the files takes longer than the rest of opening one.
@lru_cache(maxsize=8)
def _parse_legal_bases(text: str, name: str) -> dict[str, LegalBasis]:
    return parse_legal_bases(text, name)


@lru_cache(maxsize=8)
def _parse_survivorship(text: str, name: str) -> SurvivorshipRules:
    return parse_rules(text, name)


@lru_cache(maxsize=8)
def _parse_declared_rules(text: str, name: str, base: tuple[DeclaredRule, ...]) -> tuple[DeclaredRule, ...]:
    return parse_declared_rules(text, name, base)
