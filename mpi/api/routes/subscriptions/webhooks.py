"""Routes for webhooks: addresses to which the change feed is sent."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import CallerDep, IndexDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.routes.post_route import make_post_route
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.subscriptions.webhooks import (
    WebhookBody,
    WebhookCodeDep,
    WebhookOut,
    WebhookReplayBody,
    WebhookRotationBody,
    WebhookSecretOut,
    WebhookStepBody,
    WebhookTestOut,
)
from mpi.domain.viewer import Action
from mpi.service.webhooks import subscriptions
from mpi.service.webhooks.subscriptions import Webhook, WebhookSecret, WebhookTest

router = APIRouter(tags=["webhooks"], route_class=ModelReloadRoute)
_WEBHOOK = "/v1/webhooks/{code}"
_READS_FEED = Action.CROSSWALK_READ
_post = partial(make_post_route, router)
_StepBodyDep = Annotated[WebhookStepBody, Depends(WebhookStepBody.read)]


@_post("/v1/webhooks", "register_webhook", _READS_FEED, "Register a webhook", WebhookBody, WebhookSecretOut)
def post_webhook(
    index: IndexDep,
    viewer: CallerDep,
    _: NoQueryDep,
    body: Annotated[WebhookBody, Depends(WebhookBody.read)],
) -> WebhookSecret:
    """Register an address to which the change feed is sent.

    The feed is sent under the purpose of this call. The secret is shown this once.
    """
    return subscriptions.register_webhook(index, viewer, body.url, body.after, body.client, viewer.purpose)


@router.get(
    "/v1/webhooks",
    operation_id="list_webhooks",
    response_model=list[WebhookOut],
    summary="List the caller's webhooks",
    responses=describe_problems(),
    dependencies=[permit(_READS_FEED)],
)
def get_webhooks(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[Webhook]:
    """List the webhooks, oldest first, and how far each is."""
    return subscriptions.list_webhooks(index, viewer)


@router.get(
    _WEBHOOK,
    operation_id="get_webhook",
    response_model=WebhookOut,
    summary="Show a webhook",
    responses=describe_problems(404),
    dependencies=[permit(_READS_FEED)],
)
def get_webhook(index: IndexDep, viewer: CallerDep, code: WebhookCodeDep, _: NoQueryDep) -> Webhook:
    """Show a webhook and how far it is."""
    return subscriptions.show_webhook(index, viewer, code)


@router.delete(
    _WEBHOOK,
    operation_id="remove_webhook",
    response_model=WebhookOut,
    summary="Remove a webhook",
    responses=describe_problems(404),
    dependencies=[permit(_READS_FEED)],
)
def delete_webhook(index: IndexDep, viewer: CallerDep, code: WebhookCodeDep, _: NoQueryDep) -> Webhook:
    """Remove a webhook and destroy its secrets.

    The answer shows it as it was.
    """
    return subscriptions.remove_webhook(index, viewer, code)


@_post(
    f"{_WEBHOOK}:rotate",
    "rotate_webhook_secret",
    _READS_FEED,
    "Replace a webhook's secret",
    WebhookRotationBody,
    WebhookSecretOut,
)
def post_rotation(
    index: IndexDep,
    viewer: CallerDep,
    code: WebhookCodeDep,
    _: NoQueryDep,
    body: Annotated[WebhookRotationBody, Depends(WebhookRotationBody.read)],
) -> WebhookSecret:
    """Replace a webhook's secret.

    The former one signs too for `overlap_hours`. The new one is shown this once.
    """
    return subscriptions.rotate_secret(index, viewer, code, body.overlap_hours)


@_post(f"{_WEBHOOK}:pause", "pause_webhook", _READS_FEED, "Pause a webhook", WebhookStepBody, WebhookOut)
def post_pause(
    index: IndexDep, viewer: CallerDep, code: WebhookCodeDep, _: NoQueryDep, _body: _StepBodyDep
) -> Webhook:
    """Send nothing until the webhook is resumed."""
    return subscriptions.pause_webhook(index, viewer, code)


@_post(f"{_WEBHOOK}:resume", "resume_webhook", _READS_FEED, "Resume a webhook", WebhookStepBody, WebhookOut)
def post_resumption(
    index: IndexDep, viewer: CallerDep, code: WebhookCodeDep, _: NoQueryDep, _body: _StepBodyDep
) -> Webhook:
    """Go on from the webhook's own cursor, whatever its state.

    The webhook may be paused, dead or gone.
    """
    return subscriptions.resume_webhook(index, viewer, code)


@_post(f"{_WEBHOOK}:replay", "replay_webhook", _READS_FEED, "Replay a webhook", WebhookReplayBody, WebhookOut)
def post_replay(
    index: IndexDep,
    viewer: CallerDep,
    code: WebhookCodeDep,
    _: NoQueryDep,
    body: Annotated[WebhookReplayBody, Depends(WebhookReplayBody.read)],
) -> Webhook:
    """Go on from another cursor.

    What comes after it is sent, again or for the first time.
    """
    return subscriptions.resume_webhook(index, viewer, code, body.after)


@_post(
    f"{_WEBHOOK}:test", "test_webhook", _READS_FEED, "Send a test message", WebhookStepBody, WebhookTestOut
)
def post_test(
    index: IndexDep, viewer: CallerDep, code: WebhookCodeDep, _: NoQueryDep, _body: _StepBodyDep
) -> WebhookTest:
    """Send a message that tells of nothing, and answer its outcome.

    It is sent only once.
    """
    return subscriptions.send_test(index, viewer, code)
