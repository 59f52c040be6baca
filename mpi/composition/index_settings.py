"""Settings of an open index, from the settings of the program."""

from datetime import timedelta

from mpi.composition.fhir import read_fhir_settings
from mpi.composition.identity import (
    open_breached_passwords,
    parse_second_factor_roles,
    read_oidc_provider,
    read_roles_of_groups,
    read_token_issuer,
)
from mpi.composition.network import read_allowed_hosts, read_trusted_proxies
from mpi.composition.public_page import read_public_page_settings
from mpi.composition.rule_files import load_declared_rules, load_legal_bases, load_survivorship
from mpi.config import Settings
from mpi.domain.errors import InputError
from mpi.domain.quality_rules import PublicationRules, QualityRules
from mpi.domain.tuning import Tuning
from mpi.domain.unique_ids import IdPattern
from mpi.domain.viewer import SecondApprover
from mpi.policy.cases.incident_clock import IncidentDays
from mpi.service.core.block_limits import BlockLimits
from mpi.service.core.index import GuessLimits, IdentitySettings, IndexSettings, SearchLimits, SignInLimits
from mpi.service.webhooks.addresses import parse_networks
from mpi.storage.repositories.derived.configs import IndexInfo


def build_index_settings(settings: Settings, info: IndexInfo, tuning: Tuning) -> IndexSettings:
    """Return the settings of an index that is being opened.

    Args:
        settings: settings of the program.
        info: what the index was made with.
        tuning: sizes, intervals and limits.

    Raises:
        SurvivorshipError: the file of survivorship rules cannot be used.
        InputError: the table of legal bases, a rule about values, or a setting cannot be used.
    """
    return IndexSettings(
        is_test=info.is_test,
        survivorship=load_survivorship(settings),
        legal_bases=load_legal_bases(settings),
        declared_rules=load_declared_rules(settings),
        second_approver=settings.second_approver
        or SecondApprover(info.second_approver or SecondApprover.NEVER),
        quality_rules=QualityRules(
            settings.second_review_share,
            settings.practice_required,
            settings.practice_agreement,
            settings.practice_last,
        ),
        sign_in_limits=SignInLimits(
            idle=timedelta(minutes=settings.sign_in_idle_minutes),
            longest=timedelta(hours=settings.sign_in_hours),
        ),
        access_token_lifetime=timedelta(minutes=settings.access_token_minutes),
        token_issuer=read_token_issuer(settings),
        oidc_provider=read_oidc_provider(settings),
        group_roles=read_roles_of_groups(settings),
        second_factor_roles=parse_second_factor_roles(settings.second_factor_roles),
        has_local_sign_in=settings.local_sign_in,
        breached_passwords=open_breached_passwords(settings),
        block_limits=BlockLimits(settings.block_alarm, settings.block_hard),
        search_limits=SearchLimits(
            settings.searches_per_minute,
            settings.searches_per_child,
            settings.local_matches_per_day,
            settings.local_matches_per_child,
        ),
        identities=IdentitySettings(
            settings.edfi_answer_size,
            settings.identity_sources,
            _read_id_pattern(settings),
        ),
        fhir=read_fhir_settings(settings),
        guess_limits=GuessLimits(
            settings.misses_per_minute,
            settings.person_misses_per_minute,
            settings.refused_keys_per_minute,
        ),
        host_names=read_allowed_hosts(settings),
        trusted_proxies=read_trusted_proxies(settings),
        min_free_bytes=settings.min_free_mb * 1_000_000,
        max_upload_bytes=settings.max_upload_mb * 1_000_000,
        publication_rules=PublicationRules(settings.figures_base, settings.figures_lag_days),
        public_page=read_public_page_settings(settings),
        request_timeout_s=settings.request_timeout_s,
        log_format=settings.log_format,
        security_log=settings.security_log,
        trace_endpoint=settings.otel_endpoint,
        seals_per_day=settings.seals_per_day,
        break_glass_minutes=settings.break_glass_minutes,
        break_glass_children=settings.break_glass_children,
        incident_days=IncidentDays(settings.incident_send_days, settings.incident_acknowledge_days),
        webhook_networks=parse_networks(settings.webhook_networks),
        delivers_webhooks=settings.webhook_delivery == "server",
        sends_mail=settings.smtp_host is not None,
        orders_path=settings.orders_path,
        scope=settings.scope,
        tuning=tuning,
    )


def _read_id_pattern(settings: Settings) -> IdPattern | None:
    """Return the pattern of assigned unique IDs; None if none are assigned.

    Raises:
        InputError: the pattern cannot be used.
    """
    if settings.edfi_id_pattern is None:
        return None
    try:
        return IdPattern(settings.edfi_id_pattern)
    except InputError as error:
        raise InputError(f"MPI_EDFI_ID_PATTERN: {error}") from None
