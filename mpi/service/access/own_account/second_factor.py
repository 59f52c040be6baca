"""Second factor of accounts: one-time codes (TOTP, RFC 6238).

A code counts once. Recovery codes stand in for a lost phone, each once; only their hashes are stored.
"""

import base64
import secrets
from dataclasses import dataclass

import pyotp

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError
from mpi.domain.viewer import Viewer
from mpi.service.access.administration_log import Subject, log_change
from mpi.service.access.setup import hash_token
from mpi.service.core.index import Index
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.repositories.sign_in.second_factors import SecondFactor
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

STEP_S = 30
"""Seconds for which a code is shown (RFC 6238, section 5.2)."""
DRIFT_STEPS = 1
"""Steps by which the clock of a phone may differ."""
RECOVERY_CODES = 10
ISSUER = "Master Person Index"
"""Name that the authenticator app shows."""
WRONG_CODE = "the code is wrong, was used already, or is not of this minute: wait for the next one"
_SECRET_BYTES = 20
_CODE_LENGTH = 6
_RECOVERY_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RECOVERY_GROUPS, _RECOVERY_GROUP_LENGTH = 3, 5


@dataclass(frozen=True, slots=True)
class Enrollment:
    """A secret that an authenticator app takes in, before it is confirmed.

    Args:
        secret: the secret in base32, as a person types it.
        uri: the same for a QR code.
    """

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class OwnFactor:
    """A person's second factor as the person sees it.

    Args:
        set_at: when it was set up (ISO, UTC).
        recovery_codes: recovery codes that were not used.
    """

    set_at: str
    recovery_codes: int


def propose_enrollment(index: Index, token: str, name: str) -> Enrollment:
    """Return the secret that a person may enroll in a session.

    It follows from the session, so that nothing is stored before it is confirmed.

    Args:
        index: the open index.
        token: token of the session.
        name: name of the account.
    """
    derive = index.keyed_hash.to_token
    data = bytes.fromhex(derive("totp-1", token) + derive("totp-2", token))
    secret = base64.b32encode(data[:_SECRET_BYTES]).decode()
    uri = pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=name, issuer_name=ISSUER)
    return Enrollment(secret, uri)


def find_own_factor(index: Index, viewer: Viewer) -> OwnFactor | None:
    """Return the second factor of the viewer's own account, or None."""
    with index.database.read(viewer) as unit:
        account = unit.accounts.find_by_name(viewer.client)
        factor = None if account is None else unit.second_factors.find(account.id)
    return None if factor is None else OwnFactor(factor.set_at, len(factor.recovery_hashes))


def must_enroll(index: Index, unit: ReadUnit, account: Account) -> bool:
    """Return whether an account lacks the second factor of its role."""
    needs_factor = account.role in index.settings.second_factor_roles
    return needs_factor and not unit.second_factors.exists(account.id)


def write_factor(index: Index, unit: WriteUnit, account: Account, token: str, code: str) -> tuple[str, ...]:
    """Enroll the second factor of an account; return its recovery codes.

    Args:
        index: the open index.
        unit: the transaction.
        account: the account.
        token: token of the session that proposed the secret; the account's other sessions end.
        code: a code of the authenticator app.

    Raises:
        InputError: the code is wrong.
        ConflictError: the account has a second factor.
    """
    secret = propose_enrollment(index, token, account.name).secret
    step = _find_step(secret, _normalize(code), 0)
    if step is None:
        raise InputError(WRONG_CODE)
    if unit.second_factors.exists(account.id):
        raise ConflictError("you have one-time codes already: stop using them first")
    codes = tuple(_generate_recovery_code() for _ in range(RECOVERY_CODES))
    hashes = tuple(hash_token(_normalize(each)) for each in codes)
    unit.ensure_commit()
    set_at = clock.format_timestamp(clock.now())
    unit.second_factors.add(SecondFactor(account.id, secret, step, hashes, set_at))
    unit.sign_ins.end_others_of_account(account.id, hash_token(token))
    log_change(unit, Subject.ACCOUNT, account.name, "factor")
    return codes


def remove_factor(unit: WriteUnit, account: Account) -> None:
    """Remove the second factor of an account."""
    unit.ensure_commit()
    unit.second_factors.delete(account.id)
    log_change(unit, Subject.ACCOUNT, account.name, "factor-removed")


def is_right_code(unit: WriteUnit, account: Account, code: str) -> bool:
    """Return whether a code is right or the account needs none.

    The commit of the transaction uses the code, which never counts again.

    Args:
        unit: the transaction, which writes.
        account: the account.
        code: code of the app, or a recovery code, as typed.
    """
    factor = unit.second_factors.find(account.id)
    if factor is None:
        return True
    typed = _normalize(code)
    if typed.isdigit() and len(typed) == _CODE_LENGTH:
        step = _find_step(factor.secret, typed, factor.last_step)
        return step is not None and unit.second_factors.use_step(account.id, step)
    code_hash = hash_token(typed)
    if code_hash not in factor.recovery_hashes:
        return False
    remaining = tuple(each for each in factor.recovery_hashes if each != code_hash)
    return unit.second_factors.use_recovery_code(account.id, factor.recovery_hashes, remaining)


def _find_step(secret: str, typed: str, last_step: int) -> int | None:
    """Return the time step of a right and unused code."""
    now = int(clock.now().timestamp()) // STEP_S
    generator = pyotp.TOTP(secret, interval=STEP_S)
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        if step > last_step and secrets.compare_digest(generator.generate_otp(step), typed):
            return step
    return None


def _generate_recovery_code() -> str:
    """Return a random recovery code of 75 bits."""
    return "-".join(
        "".join(secrets.choice(_RECOVERY_ALPHABET) for _ in range(_RECOVERY_GROUP_LENGTH))
        for _ in range(_RECOVERY_GROUPS)
    )


def _normalize(code: str) -> str:
    """Return a code without spaces and dashes; empty if it is none."""
    text = "".join(letter for letter in code.casefold() if not letter.isspace() and letter != "-")
    return text if text.isascii() else ""
