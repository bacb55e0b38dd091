"""The frozen ``Settings``: defaults here, overridden by a TOML file, variables and options.

An unknown key is an error that names the nearest valid key; types and ranges are checked when the
file is read, not when a value is first used.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from pipeline.addresses import check_api_url, check_host, check_proxy, check_url
from pipeline.currency import MINOR_UNITS, nearest
from pipeline.errors import SettingsError
from pipeline.model import ACCOUNT_NAME
from pipeline.spelling import nearest as nearest_word
from pipeline.toml_files import parse_toml, read_toml
from pipeline.value_errors import problem_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 1e9
"""No setting needs a larger number; clocks, sockets and integer money overflow beyond it."""

Positive = Annotated[float, Meta(gt=0, le=MOST)]
NotNegative = Annotated[float, Meta(ge=0, le=MOST)]
Timeout = Annotated[float, Meta(ge=0.01, le=86_400)]
Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Days = Annotated[int, Meta(ge=1, le=3660)]
WINDOW = r"^[1-9][0-9]{0,3}d\Z"
"""A number of days, such as 30d."""

LEASE_SECONDS = 300
MOST_DAYS = 36_600
"""A century: nothing older exists, and much larger numbers overflow a date."""
Age = Annotated[int, Meta(ge=1, le=MOST_DAYS)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section: frozen, and unknown keys are errors."""


class Api(Section, frozen=True):
    """How to reach the List Clusters API."""

    url: str = "https://api.tensorone.ai"
    """Scheme and host, without ``/v1``."""
    version: Literal["v1", "v2"] = "v1"
    """The version of the List Clusters API."""
    auth: Literal["bearer", "bare"] = "bearer"
    """``bearer``: ``Authorization: Bearer KEY``; ``bare``: ``Authorization: KEY``."""
    key_file: str | None = None
    """A file that holds the API key, open to its owner only (chmod 600)."""
    ca_file: str | None = None
    """A CA bundle that replaces the default; certificates are always verified."""


class Account(Section, frozen=True):
    """An account: its own key, its own partition in the store."""

    key_file: str | None = None
    """A file that holds this account's key, open to its owner only (chmod 600)."""
    key_env: str | None = None
    """Name of the environment variable that holds this account's key."""
    url: str | None = None
    """Instead of ``api.url``."""
    version: Literal["v1", "v2"] | None = None
    """Instead of ``api.version``."""
    auth: Literal["bearer", "bare"] | None = None
    """Instead of ``api.auth``."""
    billing_account_id: str | None = None
    """The vendor's id of the account, for ``fleetledger focus``; the API does not give it."""
    billing_account_name: str | None = None
    """The vendor's name of the account, for ``fleetledger focus``."""


class Extract(Section, frozen=True):
    """The walk over the cluster list, and its budget."""

    page_size: Annotated[int, Meta(ge=1, le=100)] = 100
    """Clusters per page; the API allows 100."""
    attempts: Count = 5
    """Attempts per page, the first included."""
    connect_timeout_seconds: Timeout = 10.0
    """For the connection to the API."""
    page_deadline_seconds: Timeout = 60.0
    """For one page as a whole, not per read."""
    max_wait_seconds: NotNegative = 900.0
    """The sum of a run's waits (back-off, rate limits); beyond it the run ends and leaves a resume
    point."""
    max_walk_seconds: Annotated[float, Meta(gt=0, le=21600)] = 3600.0
    """A walk that takes longer ends; it leaves a resume point."""
    max_pages: Count = 20_000
    """A walk that needs more requests ends."""
    max_page_bytes: Count = 64 * 2**20
    """Of one page, unpacked; a larger one ends the walk."""
    reserve_requests: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 20
    """Requests of the rate limit that are left to other users of the key."""
    quarantine_limit_share: Share = 0.01
    """More quarantined records than this share make a snapshot suspect."""
    shrink_limit_share: Share = 0.9
    """A second walk confirms a fleet that lost this share since the last complete snapshot."""
    connection_details: Literal["drop", "keep"] = "drop"
    """Whether snapshots keep the clusters' addresses and ports."""
    clock: Literal["server", "local", "simulated"] = "server"
    """The clock that dates a snapshot: the API's (its ``Date`` header), this machine's, or the
    API's without checks, for a simulated API with a clock of its own."""
    max_clock_skew_hours: Annotated[float, Meta(gt=0, le=24)] = 0.5
    """Beyond this difference from the local clock, the API's ``Date`` is not used. Clocks set by
    the network agree within seconds; the smallest time-zone mistake is an hour. At most a day, so
    that no snapshot is dated more than a day ahead."""
    fresh_minutes: NotNegative = 30.0
    """``nightly`` takes no new snapshot while the newest is younger."""


class Report(Section, frozen=True):
    """The report: its window and its size."""

    window: Annotated[str, Meta(pattern=WINDOW)] = "30d"
    """Days that a nightly report covers."""
    base_url: str | None = None
    """URL of the published reports, for the links in a mail."""
    max_rows: Count = 100
    """Clusters whose findings are on the page; the CSV has all."""
    hide_names: bool = False
    """Whether reports, mails and posts have pseudonyms in place of the names of clusters, projects
    and owners; ids stay."""

    @property
    def window_days(self) -> int:
        """The window in days."""
        return int(self.window.removesuffix("d"))


class Mail(Section, frozen=True):
    """Mail: server and recipients; without recipients no mail is sent."""

    to: tuple[str, ...] = ()
    """Recipients of the nightly report."""
    sender: str = "fleetledger@localhost"
    """The address in From."""
    host: str = "localhost"
    """The mail server's name or address."""
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    """The mail server's port."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """``none`` is accepted only for loopback hosts."""
    username: str | None = None
    """The name for the login; without it there is none."""
    password_file: str | None = None
    """A file that holds the password, open to its owner only; else the variable
    ``FLEETLEDGER_MAIL_PASSWORD``."""
    ca_file: str | None = None
    """A CA bundle that replaces the default; certificates are always verified."""
    timeout_seconds: Timeout = 30.0
    """For the connection and for each reply."""
    subject_prefix: str = "[GPU costs]"
    """Precedes every subject."""
    when: Literal["always", "findings"] = "always"
    """``findings``: no mail on a day without findings."""
    attach: Literal["html", "none"] = "html"
    """``none``: the mail carries no file, only its text and where the report is."""
    per_owner: bool = False
    """Also mail each owner with an address (owners file) their own part, and only that."""


class Webhook(Section, frozen=True):
    """A channel that gets each report once: of Slack, of Microsoft Teams, or a program of yours."""

    kind: Literal["slack", "teams", "json"]
    """``slack``: Block Kit; ``teams``: an Adaptive Card for a Workflow; ``json``: the same facts
    as JSON, signed if there is a signing key."""
    url_file: str | None = None
    """A file that holds the address, open to its owner only: whoever knows it can post."""
    url_env: str | None = None
    """Instead of ``url_file``, the name of the environment variable that holds the address."""
    signing_key_file: str | None = None
    """Of ``json``: a file with the key of the HMAC-SHA256 in ``X-FleetLedger-Signature``."""
    signing_key_env: str | None = None
    """Instead of ``signing_key_file``, the name of the variable that holds the key."""
    owner: str | None = None
    """Only this owner's part (owners file); without it, the whole report."""
    when: Literal["always", "findings"] = "always"
    """``findings``: no post on a day without findings."""
    attempts: Count = 4
    """Attempts per post, the first included."""
    max_seconds: Annotated[float, Meta(ge=0.1, le=300)] = 30.0
    """For one post with all its attempts and waits."""


class Ping(Section, frozen=True):
    """A dead-man's switch: an address that is asked when ``nightly`` starts and ends.

    The address is asked at success; ``/start`` and ``/fail`` are added to it for the rest.
    """

    url_file: str | None = None
    """A file that holds the address, open to its owner only. Without an address, no ping."""
    url_env: str | None = None
    """Instead of ``url_file``, the name of the environment variable that holds the address."""
    max_seconds: Annotated[float, Meta(ge=0.1, le=60)] = 10.0
    """For one ping, with a second attempt."""


class Metrics(Section, frozen=True):
    """Figures about runs and data for a monitor."""

    textfile: str | None = None
    """A file that every run writes again, for the textfile collector of node_exporter; its name
    ends in ``.prom``."""


class Retention(Section, frozen=True):
    """What ``nightly`` prunes at its end; without an age, nothing. Amounts stay in the ledger.

    Ages are counted in days before the newest snapshot. One alone is the only one that holds.
    """

    thin_after_days: Age | None = None
    """Keep one snapshot of each older day."""
    drop_after_days: Age | None = None
    """Keep no snapshot of older days; their ledger stays."""


class Rules(Section, frozen=True):
    """Thresholds of the finding rules; pipeline/rules/catalogue.py has the source of each."""

    idle_window_days: Days = 14
    """Days up to the report's date that the rules judge."""
    idle_min_running_hours: Positive = 30.0
    """A cluster that ran less is not judged."""
    idle_min_samples: Count = 5
    """Five samples without work still leave 45 % busy time possible; fewer prove nothing."""
    idle_share_pct: Percent = 99.0
    """Share of samples without work, for ``proven``; lower shares give the lower grades."""
    idle_likely_share_pct: Percent = 97.0
    """Share of samples without work, for ``likely``."""
    idle_suspected_share_pct: Percent = 90.0
    """Share of samples without work, for ``suspected``; below it a cluster is not idle."""
    idle_proven_bound: Share = 0.05
    """The busy share that the samples may leave possible, for each grade."""
    idle_likely_bound: Share = 0.20
    """As ``idle_proven_bound``, for ``likely``."""
    idle_proven_coverage: Share = 0.80
    """Not used since coverage is part of the bound; kept so that settings files stay valid."""
    idle_likely_coverage: Share = 0.25
    """For ``underutilized``: share of the hours of the week in which it ran that have a sample."""
    idle_terminate_days: Positive = 7.0
    """Days without work up to the report's date before a cluster is to be terminated."""
    idle_proven_days: Positive = 7.0
    """Days a cluster must have been listed before a finding about it can be ``proven``."""
    idle_max_cpu_mean_pct: Percent = 10.0
    """A cluster with a higher mean of CPU use is not idle."""
    idle_loaded_memory_pct: Percent = 50.0
    """From this mean of GPU memory on, an idle cluster is one that holds data."""
    underutilized_mean_pct: Percent = 25.0
    """Highest mean of GPU use of an underutilized cluster."""
    underutilized_p95_pct: Percent = 50.0
    """95 % of its readings are below this GPU use."""
    underutilized_min_samples: Count = 20
    """With fewer samples it is not judged."""
    underutilized_proven_samples: Count = 59
    """For ``off_hours``: samples in them for a grade of likely."""
    underutilized_likely_samples: Count = 96
    """Samples for a grade of likely."""
    underutilized_likely_bound: Share = 0.05
    """The share of time above ``underutilized_p95_pct`` that the samples may leave possible."""
    underutilized_min_spend_share: Share = 0.02
    """Share of the clusters' mean spend; a cluster below it is not worth acting on."""
    off_hours_min_days: Positive = 14.0
    """Days a cluster must be observed before its week is judged."""
    off_hours_min_coverage: Share = 0.90
    """Share of the hours of the week in which it ran that must have a sample."""
    off_hours_min_per_week: Count = 40
    """Quiet hours per week that are worth a schedule."""
    off_hours_max_busy_share: Share = 0.05
    """Of a week's samples in the off-hours that the other weeks show."""
    off_hours_max_shift_rank: Count = 9
    """Of the 168 shifts of a week against the others; a chance of 5.4 % without a rhythm."""
    stuck_min_hours: Positive = 6.0
    """Hours in a state of transition."""
    stopped_min_hours: Positive = 168.0
    """Hours stopped and charged."""
    stopped_min_spend: NotNegative = 1.0
    """Spend since it was stopped."""
    no_expiry_min_days: Positive = 7.0
    """Age from which a cluster should have an expiry."""
    price_ratio: Annotated[float, Meta(gt=1, le=MOST)] = 1.25
    """Its price over the median price of its peers."""
    price_min_peers: Count = 5
    """With fewer peers prices are not compared."""
    anomaly_score: Positive = 3.5
    """Distance of a day from the usual spend, over the usual spread."""
    anomaly_min_history: Count = 5
    """Earlier days of the same kind that are needed."""
    anomaly_past_factor: Annotated[float, Meta(ge=0, le=MOST)] = 1.5
    """The distance from the usual spend, over the second-largest one of the earlier days."""
    anomaly_min_days: Count = 21
    """Days of history before any spend is called unusual."""
    anomaly_min_money: NotNegative = 10.0
    """Smallest difference from the usual spend."""
    seed_hourly_rate: NotNegative = 10.0
    """A candidate costs more than this."""
    seed_utilization_pct: Percent = 30.0
    """A candidate has less GPU use than this."""


class Budget(Section, frozen=True):
    """An amount per calendar month, for the fleet or for each project, GPU type or cluster."""

    amount: Annotated[float, Meta(gt=0, le=1e12)]
    """Per calendar month."""
    per: Literal["fleet", "project", "gpu_type", "cluster"] = "fleet"
    """One budget for the fleet, or one for each such group."""
    match: str = "*"
    """Only groups that match this pattern; a cluster is ``account/id``."""


class OwnRule(Section, frozen=True):
    """A finding rule of the user: a condition over documented columns, parsed, not executed."""

    when: str
    """The condition, such as ``gpu_mean_pct < 40``; docs/findings.md has the grammar."""
    reason: str = ""
    """The text of a finding; ``{column}`` is that cluster's value."""
    title: str = ""
    """The name in the report; without it the name in the settings."""
    action: Literal["review", "stop", "terminate", "schedule", "resize", "move"] = "review"
    """What to do about a finding."""


class Mcp(Section, frozen=True):
    """What an assistant may see (``fleetledger mcp``)."""

    hide_names: bool = False
    """Whether names of clusters, projects and owners are replaced by pseudonyms."""


class Settings(Section, frozen=True):
    """All settings of a run."""

    stated_currency: str | None = msgspec.field(default=None, name="currency")
    """The code in ISO 4217; without it USD is assumed. The API names none."""
    data_dir: str = "data"
    """Where everything is stored: a folder or ``s3://bucket/prefix``."""
    lease_seconds: Annotated[int, Meta(ge=1, le=86400)] = LEASE_SECONDS
    """Object stores only: a lock is free this long after its run died."""
    proxy: str | None = None
    """A proxy for https: API, webhooks and ping, not mail and object store. It tunnels, and sees
    host and port alone. Those of the environment (``HTTPS_PROXY``) are not used."""
    api: Api = Api()
    accounts: dict[str, Account] = {}
    extract: Extract = Extract()
    report: Report = Report()
    mail: Mail = Mail()
    webhooks: dict[str, Webhook] = {}
    """Channels by name."""
    ping: Ping = Ping()
    metrics: Metrics = Metrics()
    retention: Retention = Retention()
    mcp: Mcp = Mcp()
    rules: Rules = Rules()
    exclusions_file: str | None = None
    """TOML with ``[[exclude]]`` entries: match, rule, owner, reason, expires."""
    owners_file: str | None = None
    """TOML with ``[[owner]]`` entries: match, owner, mail."""
    own_rules: dict[str, OwnRule] = {}
    """The user's rules by name; docs/findings.md has the columns and the grammar."""
    budgets: dict[str, Budget] = {}
    """Budgets by name; alerts at 50, 80 and 100 % spent, 100 % forecast, and for the pace."""
    rate_card: dict[str, Annotated[float, Meta(ge=0, le=1e6)]] = {}
    """Price per GPU-hour by GPU type, for clusters without a price from the API."""

    @property
    def currency(self) -> str:
        """The stated currency; without one USD is assumed."""
        return self.stated_currency or "USD"

    @property
    def all_accounts(self) -> dict[str, Account]:
        """The accounts by name; ``default`` if the settings have none."""
        return self.accounts or {"default": Account()}


def read_settings(path: str | None, named_by: str = "--config") -> Settings:
    """The settings in the TOML file at ``path``; the defaults if ``path`` is None.

    Args:
        path: the file.
        named_by: the option, variable or setting that holds ``path``, for errors.

    Raises:
        SettingsError: the file is unreadable or not TOML, or has an unknown key or invalid value.
    """
    return Settings() if path is None else settings_from(read_toml(path, named_by), path)


def parse_settings(text: bytes, source: str) -> Settings:
    """The settings in the TOML ``text``; ``source`` names it in errors."""
    return settings_from(parse_toml(text, source), source)


def settings_from(raw: dict[str, Any], source: str) -> Settings:
    """The settings in ``raw``, as a TOML file would have them; ``source`` names it in errors."""
    _check_keys(raw, Settings, source, "")
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        place, reason = problem_of(error)
        where = _named_place(raw, place) or "top level"
        choices = _choices(where) if reason.startswith("invalid enum value") else []
        if choices:
            reason = reason.replace("invalid enum value", "invalid value")
            reason += f"; one of: {', '.join(choices)}"
        raise SettingsError(f"{source}: {where}: {reason}") from error
    try:
        _check(settings)
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from error
    return settings


def _named_place(raw: dict[str, Any], place: str) -> str:
    """``budgets[...].amount`` with the name of the first invalid budget."""
    section, is_unnamed, rest = place.partition("[...]")
    if is_unnamed and section in raw:
        kinds = {field.name: field.type for field in msgspec.structs.fields(Settings)}
        for name, value in raw[section].items():
            try:
                msgspec.convert(value, get_args(kinds[section])[1])
            except msgspec.ValidationError:
                return f"{section}.{name}{rest}"
    return place


def _choices(place: str) -> list[str]:
    """The values that the setting ``place`` can have; none where it is not a choice."""
    kind: Any = Settings
    for name in place.split("."):
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
            continue
        fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
        kind = fields.get(name)
        if not _is_section(kind) and get_origin(kind) is not dict:
            break
    options = [kind] if get_origin(kind) is Literal else get_args(kind)
    return [
        str(value) for each in options if get_origin(each) is Literal for value in get_args(each)
    ]


def _check(settings: Settings) -> None:
    """Check what types cannot express.

    Raises:
        SettingsError: an invalid value.
    """
    if settings.stated_currency is not None and settings.stated_currency not in MINOR_UNITS:
        raise SettingsError(
            f"currency {settings.stated_currency!r} is not a code of ISO 4217; "
            f"did you mean {nearest(settings.stated_currency)}?"
        )
    if not settings.data_dir:
        raise SettingsError("data_dir is empty; give a folder or s3://bucket/prefix")
    _check_accounts(settings.accounts)
    with named("api.url"):
        check_api_url(settings.api.url)
    if settings.proxy is not None:
        with named("proxy"):
            check_proxy(settings.proxy)
    if settings.mail.to or settings.mail.per_owner:
        with named("mail.host"):
            check_host(settings.mail.host)
    for text in (settings.mail.sender, *settings.mail.to):
        if "\n" in text:
            raise SettingsError(f"mail address {text[:80]!r} is not one line")
    if settings.report.base_url:
        with named("report.base_url"):
            check_url(settings.report.base_url)
    _check_webhooks(settings)
    textfile = settings.metrics.textfile
    if textfile is not None and not textfile.endswith(".prom"):
        raise SettingsError(
            f"metrics.textfile {textfile[:200]!r}: node_exporter reads files that end in .prom"
        )
    thin, drop = settings.retention.thin_after_days, settings.retention.drop_after_days
    if thin is not None and drop is not None and thin > drop:
        raise SettingsError(
            f"retention.drop_after_days {drop} is sooner than retention.thin_after_days {thin}; "
            "give at least as many days"
        )


def _check_webhooks(settings: Settings) -> None:
    for name, hook in settings.webhooks.items():
        if re.fullmatch(ACCOUNT_NAME, name) is None:
            raise SettingsError(
                f"webhooks.{name[:80]!r}: give it a name of letters, digits, '_', '-' and '.'"
            )
        if (hook.url_file is None) == (hook.url_env is None):
            raise SettingsError(
                f"webhooks.{name}: give its address as url_file or as url_env, one of them"
            )
        if hook.signing_key_file is not None and hook.signing_key_env is not None:
            raise SettingsError(
                f"webhooks.{name}: give signing_key_file or signing_key_env, not both"
            )
        if hook.kind != "json" and (hook.signing_key_file or hook.signing_key_env):
            raise SettingsError(
                f'webhooks.{name}: only kind = "json" is signed; remove the signing key'
            )
    if settings.ping.url_file is not None and settings.ping.url_env is not None:
        raise SettingsError("ping: give url_file or url_env, not both")


def _check_accounts(accounts: dict[str, Account]) -> None:
    folders: dict[str, str] = {}
    for name, account in accounts.items():
        if re.fullmatch(ACCOUNT_NAME, name) is None:
            raise SettingsError(
                f"accounts.{name[:80]!r}: an account's name is a folder's name: letters, digits, "
                "'_', '-', '.', at most 56, the first a letter or digit; give it a shorter or "
                "plainer name"
            )
        other = folders.setdefault(name.lower(), name)
        if other != name:
            raise SettingsError(
                f"accounts.{other} and accounts.{name} would share a folder where case does not "
                "count; rename one"
            )
        if account.url is not None:
            with named(f"accounts.{name}.url"):
                check_api_url(account.url)


@contextmanager
def named(setting: str) -> Iterator[None]:
    """Prefix the errors of the block with ``setting``, the source of the value."""
    try:
        yield
    except SettingsError as error:
        raise SettingsError(f"{setting}: {error}") from error


def _check_keys(raw: object, kind: type[Section], source: str, prefix: str) -> None:
    """Refuse the first unknown key below ``raw``; the error names the nearest valid key.

    Raises:
        SettingsError: a key is unknown.
    """
    if not isinstance(raw, dict):
        return
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in raw.items():
        if key not in fields:
            near = nearest_word(key, fields)
            valid = f"valid are {', '.join(fields)}" if fields else "it has no settings"
            hint = f"did you mean {prefix}{near}?" if near else valid
            raise SettingsError(f"{source}: unknown setting {prefix}{key}; {hint}")
        section = fields[key]
        if _is_section(section):
            _check_keys(value, section, source, f"{prefix}{key}.")
        elif get_origin(section) is dict and isinstance(value, dict):
            inner = get_args(section)[1]
            for name, entry in value.items() if _is_section(inner) else ():
                _check_keys(entry, inner, source, f"{prefix}{key}.{name}.")


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def override(settings: Settings, section: str | None, **values: Any) -> Settings:  # noqa: ANN401 - of any field
    """``settings`` with those ``values`` of a section, or of the top level, that are not None."""
    changed = {name: value for name, value in values.items() if value is not None}
    if not changed:
        return settings
    if section is None:
        return msgspec.structs.replace(settings, **changed)
    inner = msgspec.structs.replace(getattr(settings, section), **changed)
    return msgspec.structs.replace(settings, **{section: inner})
