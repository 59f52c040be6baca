"""Forged webhook: a message that a careful receiver refuses."""

import secrets
from base64 import b64encode

from mpi.sandbox.sandbox_index import OPERATOR
from mpi.service.core.index import Index
from mpi.service.webhooks.addresses import AddressRules
from mpi.service.webhooks.messages import build_test_message
from mpi.service.webhooks.receiver import Receiver
from mpi.service.webhooks.subscriptions import show_webhook

_SECRET_BYTES = 24


def send_forgery(index: Index, code: str) -> bool:
    """Send a webhook's receiver a message that another secret signed.

    Args:
        index: the open index of the sandbox.
        code: code of the webhook.

    Returns:
        Whether the receiver refused it with a status of 400 to 499.
    """
    secret = "whsec_" + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    url = show_webhook(index, OPERATOR, code).url
    receiver = Receiver(url, AddressRules(index.settings.webhook_networks))
    try:
        outcome = receiver.send(build_test_message(index.keyed_hash, code), [secret])
    finally:
        receiver.close()
    return outcome.status is not None and 400 <= outcome.status < 500  # noqa: PLR2004 - a refusal
