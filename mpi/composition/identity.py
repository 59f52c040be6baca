"""Identity settings: token issuer, identity provider, groups, and rules of local accounts."""

from typing import TYPE_CHECKING

from mpi.config import Settings
from mpi.domain.errors import InputError, StoreError
from mpi.domain.roles import Role

if TYPE_CHECKING:
    from mpi.service.identity.breached_passwords import BreachedPasswordFile
    from mpi.service.identity.group_roles import GroupRoles
    from mpi.service.identity.oidc_provider import OidcProvider
    from mpi.service.identity.token_rules import TrustedIssuer


def read_token_issuer(settings: Settings) -> "TrustedIssuer | None":
    """Return the issuer whose signed tokens clients may send, or None.

    Its keys are read at the first token, so that a start needs no network.

    Raises:
        InputError: a setting of it is missing or wrong.
    """
    if settings.token_issuer is None:
        return None
    from mpi.service.identity.issuer_settings import (  # noqa: PLC0415 - most indexes trust no issuer
        IssuerSettings,
        make_trusted_issuer,
    )

    return make_trusted_issuer(
        IssuerSettings(
            settings.token_issuer,
            settings.token_audience,
            settings.token_keys,
            settings.token_algorithms,
            settings.token_client_claim,
        )
    )


def read_oidc_provider(settings: Settings) -> "OidcProvider | None":
    """Return the provider that people sign in with, or None.

    Nothing is asked of it yet, so that a start needs no network.

    Raises:
        InputError: a setting of it is missing or wrong, or nobody could sign in.
    """
    if settings.oidc_issuer is None:
        if not settings.local_sign_in:
            raise InputError("MPI_LOCAL_SIGN_IN=false needs MPI_OIDC_ISSUER, or nobody could sign in")
        return None
    from mpi.service.identity.issuer_settings import PagesClient, make_oidc_provider  # noqa: PLC0415 - as above

    return make_oidc_provider(
        PagesClient(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            secret_file=settings.oidc_client_secret_file,
            pages_url=settings.pages_url,
            scopes=settings.oidc_scopes,
            algorithms=settings.oidc_algorithms,
        )
    )


def read_roles_of_groups(settings: Settings) -> "GroupRoles | None":
    """Return the roles that groups of the provider give, or None.

    Raises:
        InputError: the file cannot be used.
    """
    if settings.oidc_roles is None:
        return None
    from mpi.service.identity.group_roles import read_group_roles  # noqa: PLC0415 - as above

    return read_group_roles(settings.oidc_roles)


def parse_second_factor_roles(text: str) -> frozenset[str]:
    """Return the roles that need one-time codes.

    Raises:
        InputError: there is no such role.
    """
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    if names == {"all"}:
        return frozenset(Role)
    if not names <= set(Role):
        raise InputError(f"MPI_SECOND_FACTOR_ROLES: name roles of {', '.join(Role)}; or all")
    return names


def open_breached_passwords(settings: Settings) -> "BreachedPasswordFile | None":
    """Return the file of breached passwords, once checked, or None.

    Raises:
        InputError: the file cannot be used.
    """
    if settings.breached_passwords_file is None:
        return None
    from mpi.service.identity.breached_passwords import BreachedPasswordFile  # noqa: PLC0415 - as above

    file = BreachedPasswordFile(settings.breached_passwords_file)
    try:
        file.check()
    except StoreError as error:
        raise InputError(f"MPI_BREACHED_PASSWORDS_FILE: {error}") from None
    return file
