"""Verification of signed webhooks (Standard Webhooks, symmetric signatures ``v1``).

This module alone needs the library ``standardwebhooks``, which the extra ``webhooks`` installs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from mpi.client.errors import ClientError


class WebhookSignatureError(ClientError):
    """The webhook's signature or time is wrong."""


def verify_webhook(body: bytes, headers: Mapping[str, str], secrets: str | Sequence[str]) -> Any:  # noqa: ANN401 - any JSON
    """Check a webhook's signature and time, and return its content.

    Its time may differ from that of this machine by five minutes. Whoever reads a webhook twice must notice
    it by the header ``webhook-id``.

    Args:
        body: the body exactly as received, before any parsing.
        headers: the headers of the request, in any case.
        secrets: the secret, which begins with ``whsec_``; while it is replaced, the new and the old one.

    Raises:
        WebhookSignatureError: do not use the content; answer with status 400.
        ValueError: a secret is empty or no base64.
    """
    webhooks = [_open_secret(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    for webhook in webhooks:
        try:
            return webhook.verify(body, dict(headers))
        except WebhookVerificationError:
            continue
        except ValueError:  # a header or the body has another form; the library lets such errors through
            continue
    raise WebhookSignatureError("the webhook is not signed with this secret, was altered, or is not of now")


def _open_secret(secret: str) -> Webhook:
    """Return the library's verifier for a secret.

    Raises:
        ValueError: the secret is empty or no base64; its text is not quoted.
    """
    try:
        webhook = Webhook(secret)
    except Exception:  # noqa: BLE001 - errors of the library, whose class for an empty secret is not public
        raise ValueError("a secret is base64 text, with whsec_ before it") from None
    return webhook
