"""The right place and the right time: whose state this is, and whether a database was put back.

State, keys and shop are three databases and share no transaction. Each run gets a number, the
generation: it is committed in the state and then noted in the other two, so these lag by one at
most. Whoever lags by more, or runs ahead of the state, tells that one of the three was restored
from an older copy. Then nothing is written before a reconcile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.errors import SafetyStopError, SettingsError
from connector.plugin import Kind
from connector.store import scopes
from connector.store.database import Lease
from connector.sync.ports import Ports

STATE, KEYS, SHOP, LOST, FOREIGN = "state", "keys", "shop", "lost", "foreign"

WHY: Mapping[str, str] = {
    STATE: "the state is an older copy than the shop or the keys have seen",
    KEYS: "the keys database is an older copy than the state knows",
    SHOP: "the shop's database is an older copy than the state knows",
    LOST: "the state is new and the keys have served another one: that one is lost",
    FOREIGN: "a record at the vendor carries a key of ours that the state does not know",
}
WAY_OUT = (
    "If a newer copy is at hand, put that back; then run `crm-connector reconcile` (with --dry-run"
    " first to see what follows)."
)


def sentence(doubt: str) -> str:
    """What a stored doubt means.

    >>> sentence("foreign")
    'a record at the vendor carries a key of ours that the state does not know'
    """
    return "; ".join(WHY[word] for word in doubt.split())


def went_back(state: int, keys: int, shop: int) -> str:
    """Which of the three were restored from an older copy, as words; empty: none.

    >>> went_back(state=7, keys=7, shop=6)  # the last run died before it told the shop
    ''
    >>> went_back(state=5, keys=7, shop=7)
    'state'
    >>> went_back(state=7, keys=7, shop=5)
    'shop'
    """
    newest = max(state, keys, shop)
    behind = {STATE: state < newest, KEYS: keys < newest - 1, SHOP: shop < newest - 1}
    return " ".join(word for word, is_behind in behind.items() if is_behind)


def next_generation(ports: Ports, configured: Iterable[tuple[str, str]]) -> None:
    """Give the run a number; where a database went back in time, let every scope be in doubt.

    `configured` are all connections and kinds of the settings: a new state knows none of them, and
    an old copy perhaps not all.

    What an earlier run still owed the others is noted before a new number is committed: so none
    lags by two because of a stop, wherever that comes, or because several runs begin at once.
    """
    store = ports.store
    with store.write(None, "generation") as tx:
        state = int(store.meta_in(tx, "generation") or 0)
        keys = ports.vault.subjects.generation(store.store_id)
        remembered = ports.local.generation()
        # A file keeps nothing of ours: it can neither lag nor tell.
        shop = max(state, keys) if remembered is None else remembered
        back = went_back(state, keys, shop)
        if not back and state == 0 and ports.vault.subjects.served_another(store.store_id):
            back = LOST
        if back:
            for name, kind in configured:  # an early copy knows nothing of them yet
                store.ensure_scope(tx, name, kind)
            scopes.doubt(tx, back)
            state = max(state, keys, shop)
        if ports.dry is not None:
            return
        if not back:
            _note(ports, state, keys, shop)
        store.set_meta(tx, "generation", str(state + 1))
    _note(ports, state + 1, 0, 0)


def _note(ports: Ports, number: int, keys: int, shop: int) -> None:
    if keys < number:
        ports.hook("before commit: generation in the keys")
        ports.vault.subjects.set_generation(ports.store.store_id, number)
        ports.hook("after commit: generation in the keys")
    if shop < number:
        ports.local.set_generation(number)


def stop_if_in_doubt(ports: Ports, name: str, kind: Kind) -> None:
    """Raises: SafetyStopError if the scope must be reconciled before anything is written."""
    with ports.store.read() as tx:
        known = scopes.get(tx, name, kind)
    if known is not None and known.doubt is not None:
        raise in_doubt(name, known.doubt)


def in_doubt(name: str, doubt: str) -> SafetyStopError:
    return SafetyStopError(f"{name}: nothing is written, because {sentence(doubt)}.", hint=WAY_OUT)


# --- the right place ------------------------------------------------------------------------------


def right_local_store(ports: Ports) -> None:
    """The state is bound to one local database; another one is refused before any read.

    Raises: SettingsError.
    """
    store, identity = ports.store, ports.local.identity()
    if identity is None:
        raise SettingsError(
            "The connector is not installed in the shop's database: its changes would go unseen.",
            hint="Run `crm-connector local install` once.",
        )
    if lacking := ports.local.lacking():
        raise SettingsError(
            f"Triggers of ours are missing on {', '.join(lacking)}: changes go unseen.",
            hint="Run `crm-connector local install`; the next sync then looks at all rows.",
        )
    bound = store.meta("local_id")
    if bound is not None and bound != identity:
        raise SettingsError(
            "The state store belongs to another local database than [local] url names.",
            hint="Point [local] url back, or use a state store of its own for this database.",
        )
    if bound is None:
        with store.write(None, "bind local store") as tx:
            store.set_meta(tx, "local_id", identity)


def right_account(ports: Ports, name: str, kind: Kind, account: str, lease: Lease) -> None:
    """A scope is bound to one account of the vendor. Raises: SettingsError."""
    with ports.store.write(lease, "account") as tx:
        known = scopes.get(tx, name, kind)
        assert known is not None
        if known.account is not None and known.account != account:
            raise SettingsError(
                f"The state of {name}/{kind} belongs to another account of the vendor than the one"
                " these credentials open.",
                hint="Use that account's credentials, or a state store of its own.",
            )
        if known.account is None:
            scopes.update(tx, name, kind, account=account)
