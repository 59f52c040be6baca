"""Trusted issuer and provider as the settings name them."""

from dataclasses import dataclass
from pathlib import Path

from mpi.domain.errors import InputError
from mpi.service.identity.key_sets import open_key_set
from mpi.service.identity.oidc_provider import OidcProvider, OidcSettings
from mpi.service.identity.provider_calls import check_provider_url
from mpi.service.identity.token_rules import ALGORITHMS, TrustedIssuer

CALLBACK_PATH = "/sign-in/answer"
"""Path of the pages to which the provider sends the browser back."""


@dataclass(frozen=True, slots=True)
class IssuerSettings:
    """Settings of the issuer of clients' tokens, as text.

    Args:
        issuer: the ``iss`` of its tokens.
        audience: the ``aud`` that its tokens carry for this index.
        keys: JWKS file, or URL.
        algorithms: permitted algorithms, separated by commas.
        client_claim: claim that names the client.
    """

    issuer: str
    audience: str | None
    keys: str | None
    algorithms: str
    client_claim: str


def make_trusted_issuer(settings: IssuerSettings) -> TrustedIssuer:
    """Return the issuer that the settings name; nothing is fetched yet.

    Raises:
        InputError: audience or keys are missing, or an algorithm is not permitted.
    """
    if not settings.issuer or not settings.audience or not settings.keys:
        raise InputError("with MPI_TOKEN_ISSUER, set MPI_TOKEN_AUDIENCE and MPI_TOKEN_KEYS")
    return TrustedIssuer(
        issuer=settings.issuer,
        audience=settings.audience,
        keys=open_key_set(_parse_location(settings.keys)),
        algorithms=parse_algorithms(settings.algorithms, "MPI_TOKEN_ALGORITHMS"),
        client_claim=settings.client_claim,
    )


@dataclass(frozen=True, slots=True)
class PagesClient:
    """Settings of the sign-in of people with a provider.

    Args:
        issuer: URL of the provider.
        client_id: the index at the provider.
        secret_file: file whose first line is its secret there; None for a public client.
        pages_url: address of the pages as people open them.
        scopes: scopes to ask for.
        algorithms: permitted algorithms, separated by commas.
    """

    issuer: str
    client_id: str | None
    secret_file: Path | None
    pages_url: str | None
    scopes: str
    algorithms: str


def make_oidc_provider(client: PagesClient) -> OidcProvider:
    """Return the provider that the settings name, asking it nothing yet.

    Raises:
        InputError: a setting is missing or wrong, or the secret cannot be read.
    """
    if not client.client_id or not client.pages_url:
        raise InputError("with MPI_OIDC_ISSUER, set MPI_OIDC_CLIENT_ID and MPI_PAGES_URL")
    pages_url = check_provider_url(client.pages_url, "MPI_PAGES_URL").rstrip("/")
    scopes = client.scopes.split()
    if "openid" not in scopes:
        raise InputError("MPI_OIDC_SCOPES: one of them is openid")
    return OidcProvider(
        OidcSettings(
            issuer=check_provider_url(client.issuer, "MPI_OIDC_ISSUER"),
            client_id=client.client_id,
            client_secret=None if client.secret_file is None else _read_secret(client.secret_file),
            redirect_url=f"{pages_url}{CALLBACK_PATH}",
            scopes=" ".join(scopes),
            algorithms=parse_algorithms(client.algorithms, "MPI_OIDC_ALGORITHMS"),
        )
    )


def _read_secret(path: Path) -> str:
    """Return the first line of a secret's file."""
    try:
        secret = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, ValueError) as error:
        raise InputError(f"MPI_OIDC_CLIENT_SECRET_FILE: {path} cannot be read") from error
    if not secret:
        raise InputError(f"MPI_OIDC_CLIENT_SECRET_FILE: {path} is empty")
    return secret


def _parse_location(keys: str) -> str | Path:
    """Return the URL or the path of a key set."""
    if "://" in keys:
        return check_provider_url(keys, "MPI_TOKEN_KEYS")
    return Path(keys)


def parse_algorithms(text: str, setting: str) -> frozenset[str]:
    """Return the permitted algorithms that a setting lists.

    Raises:
        InputError: the list is empty, or names another one.
    """
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not names or not names <= set(ALGORITHMS):
        raise InputError(f"{setting}: name one or more of {', '.join(ALGORITHMS)}")
    return names
