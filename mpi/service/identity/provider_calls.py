"""Calls of an identity provider over HTTPS, bounded in time and size.

A call follows no redirect and reads no more than a limit. Plain HTTP is permitted on this machine only.
"""

import json
import ssl
from collections.abc import Mapping
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from mpi.domain.errors import InputError, StoreError

TIMEOUT_S = 5
"""Seconds to wait for the provider to connect, and for each part of its answer."""
MAX_ANSWER_BYTES = 256 * 1024
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class ProviderUnreachable(StoreError):  # noqa: N818 - the field's word
    """The identity provider does not answer, or not as it should."""

    code = "identity-provider-unreachable"


class ProviderRefusal(StoreError):  # noqa: N818 - the field's word
    """The identity provider refuses a call, such as a used authorization code."""

    code = "identity-provider-refusal"


def check_provider_url(url: str, setting: str) -> str:
    """Return a provider's URL after checking that the call would be encrypted.

    Args:
        url: the URL of the settings or of the provider's metadata.
        setting: name of the setting, for the error.

    Raises:
        InputError: it is no HTTPS URL, and no URL of this machine.
    """
    parts = urlsplit(url)
    is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or is_local) or parts.username or parts.fragment:
        raise InputError(f"{setting}: give an https:// URL without a user name")
    return url


def get_json(url: str) -> dict[str, Any]:
    """Return the JSON object at a provider's URL.

    Raises:
        ProviderUnreachable: the provider does not answer with a JSON object in time.
    """
    return _call(Request(url, headers={"Accept": "application/json"}))  # noqa: S310 - the scheme is checked


def post_form(url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
    """Send a form to a provider and return its JSON object.

    Raises:
        ProviderRefusal: the provider refuses the form.
        ProviderUnreachable: it does not answer with a JSON object in time.
    """
    all_headers = {"Accept": "application/json", **headers}
    return _call(Request(url, urlencode(form).encode(), all_headers))  # noqa: S310 - the scheme is checked


class _NoRedirects(HTTPRedirectHandler):
    """Handler that follows no redirect: another host was never configured."""

    def redirect_request(
        self,
        req: Request,  # noqa: ARG002 - the caller passes it by position
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: object,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        """Return no request, so that the redirect is an error."""
        return


def _call(request: Request) -> dict[str, Any]:
    """Send a request and parse the answer.

    No error repeats the answer or the URL's query, which may hold secrets.
    """
    host = urlsplit(request.full_url).hostname
    try:
        opener = build_opener(_NoRedirects, HTTPSHandler(context=ssl.create_default_context()))
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            data = answer.read(MAX_ANSWER_BYTES + 1)
    except HTTPError as error:
        error.close()
        if error.code in range(400, 500) and request.data is not None:
            raise ProviderRefusal(f"the identity provider {host} refused it with {error.code}") from None
        raise ProviderUnreachable(f"the identity provider {host} answers with {error.code}") from None
    except (URLError, HTTPException, OSError):
        raise ProviderUnreachable(f"the identity provider {host} does not answer: try again") from None
    if len(data) > MAX_ANSWER_BYTES:
        raise ProviderUnreachable(f"the identity provider {host} answers with too much data")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ProviderUnreachable(f"the identity provider {host} does not answer with a JSON object")
    return content
