"""The desk's models as the connector's local side. What each method promises stands in
`connector.local.contract.Local`; the tests of `connector.testing.local_contract` hold us to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DatabaseError, DataError, IntegrityError, connection, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from backoffice.crm.models import Applied, Kept, Noted
from backoffice.crm.noting import UNSEEN
from backoffice.crm.sources import SOURCES
from connector import Kind, LocalError, SettingsError, UsageError
from connector.local.contract import Capture, Journal, LocalWrite, Refused, Row, RowState
from connector.local.side import LocalSide
from connector.plugin import Op


class DjangoSide(LocalSide):
    """One for each run, and used in one thread, like Django's connections."""

    def __init__(self, store_id: str) -> None:
        super().__init__()
        if connection.in_atomic_block:
            raise UsageError(
                "A sync inside a transaction: what it is told has landed could be undone.",
                hint="Call it after the commit: transaction.on_commit.",
            )
        self._store_id = store_id

    # --- the database ---------------------------------------------------------------------------

    def kinds(self) -> Sequence[Kind]:
        return list(SOURCES)

    def install(self, identity: str) -> None:
        with _answering():
            Kept.objects.get_or_create(name=self._named("identity"), defaults={"value": identity})

    def remove(self) -> Sequence[str]:
        with _answering():
            Kept.objects.filter(name__startswith=self._named("")).delete()
        return [self._named("identity")]

    def identity(self) -> str | None:
        with _answering():
            found = Kept.objects.filter(name=self._named("identity")).first()
        return found.value if found is not None else None

    def generation(self) -> int:
        with _answering():
            found = Kept.objects.filter(name=self._named("generation")).first()
        return int(found.value) if found is not None else 0

    def set_generation(self, number: int) -> None:
        with _answering(), transaction.atomic():
            name = self._named("generation")
            kept, _ = Kept.objects.select_for_update().get_or_create(
                name=name, defaults={"value": "0"}
            )
            if int(kept.value) < number:
                kept.value = str(number)
                kept.save()

    def _named(self, what: str) -> str:
        return f"{self._store_id}/{what}"

    def archives(self, kind: Kind) -> bool:
        return SOURCES[kind].deleted is not None

    # --- changes --------------------------------------------------------------------------------

    def capture(self, kind: Kind) -> Capture:
        return Capture.JOURNAL

    def unseen(self, kind: Kind) -> Sequence[str]:
        return UNSEEN

    def journal(self, kind: Kind, after: int, limit: int) -> Journal:
        with _answering():
            rows = list(Noted.objects.filter(kind=kind, id__gt=after).order_by("id")[:limit])
        return Journal([row.id for row in rows], list(dict.fromkeys(row.key for row in rows)))

    def forget(self, kind: Kind, entries: Sequence[int]) -> None:
        with _answering():
            Noted.objects.filter(id__in=entries).delete()

    # --- reading --------------------------------------------------------------------------------

    def observe(self, kind: Kind, columns: Sequence[str]) -> None:
        lacking = [name for name in columns if _field(kind, name) is None]
        if lacking:
            raise SettingsError(
                f"The local mapping of {kind} names fields that the model lacks: {lacking}."
            )
        super().observe(kind, columns)

    def scan(self, kind: Kind, after: str | None, limit: int) -> Sequence[Row]:
        rows = _all(kind).order_by("pk")
        if after is not None:
            rows = rows.filter(pk__gt=int(after))
        return self._rows(kind, rows[:limit])

    def read(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, Row]:
        return {row.key: row for row in self._rows(kind, _all(kind).filter(pk__in=_numbers(keys)))}

    def _rows(self, kind: Kind, wanted: QuerySet[Model]) -> list[Row]:
        """Only what is mapped is selected, and the field that says whether it is deleted."""
        columns, deleted = self.columns.get(kind, ()), SOURCES[kind].deleted
        with _answering():
            found = list(wanted.values_list("pk", deleted or "pk", *columns))
        return [
            Row(
                str(key),
                {n: _shown(kind, n, v) for n, v in zip(columns, values, strict=True)},
                RowState.DELETED if deleted and mark is not None else RowState.LIVE,
            )
            for key, mark, *values in found
        ]

    # --- writing --------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        try:
            with transaction.atomic(durable=True):
                yield
        except (IntegrityError, DataError) as error:
            raise Refused("constraint", f"the database said no ({type(error).__name__})") from None
        except DatabaseError as error:
            raise _lost(error) from None
        except ValidationError as error:
            # Its texts quote values, its keys are names of fields.
            raise Refused("invalid", f"not valid: {', '.join(error.message_dict)}") from None

    def apply(self, kind: Kind, write: LocalWrite) -> str | None:
        """By the model itself, so that its checks, its `save` and its signals come into play."""
        source = SOURCES[kind]
        if write.op is Op.CREATE:
            record = source.model()
            _fill(kind, record, write.values)
            record.full_clean()
            record.save(force_insert=True)
            return str(record.pk)
        assert write.key is not None
        found = _all(kind).filter(pk__in=_numbers([write.key]))
        # Locked until the end: nobody edits between our look and our save.
        record = found.select_for_update().only(*self.columns.get(kind, ())).first()
        if record is None or not _holds(kind, record, write.old):
            return None
        if write.op is Op.PURGE:
            record.delete()
        elif write.op is Op.REMOVE:
            assert source.deleted is not None
            setattr(record, source.deleted, timezone.now())
            record.save(update_fields=[source.deleted])
        else:
            _fill(kind, record, write.values)
            fields = {_field(kind, name).name for name in write.values}
            others = {field.name for field in record._meta.fields} - fields
            record.clean_fields(exclude=others)
            record.validate_unique(exclude=others)
            record.save(update_fields=fields)
        return write.key

    def note(self, kind: Kind, landed: Mapping[str, tuple[LocalWrite, str]]) -> None:
        Applied.objects.bulk_create(
            Applied(intent=intent, kind=kind, key=key, op=write.op)
            for intent, (write, key) in landed.items()
        )

    def landed(self, kind: Kind, intents: Sequence[str]) -> Mapping[str, str]:
        with _answering():
            return dict(Applied.objects.filter(pk__in=intents).values_list("intent", "key"))

    def origin(self, kind: Kind, keys: Sequence[str]) -> Mapping[str, str]:
        made = Applied.objects.filter(kind=kind, key__in=keys, op=Op.CREATE)
        with _answering():
            return dict(made.values_list("key", "intent"))

    def forget_intents(self, intents: Sequence[str]) -> None:
        with _answering():
            Applied.objects.filter(pk__in=intents).delete()

    def close(self) -> None:
        """A thread of ours leaves no connection behind. Elsewhere Django opens it again."""
        connection.close()


# --- models ---------------------------------------------------------------------------------------


def _all(kind: Kind) -> QuerySet[Model]:
    """All records, those too that the model's own manager hides."""
    return SOURCES[kind].model._base_manager.all()


def _field(kind: Kind, own: str) -> Any:
    """The field of an own name, where a reference goes by its `_id`; None if there is none."""
    try:
        field = SOURCES[kind].model._meta.get_field(own.removesuffix("_id"))
    except FieldDoesNotExist:
        return None
    return field if getattr(field, "attname", None) == own else None


def _numbers(keys: Sequence[str]) -> list[int]:
    """The keys that can be one here; a vendor's id may be no number, or a larger one."""
    return [int(key) for key in keys if key.isdecimal() and len(key) < 19 and str(int(key)) == key]


def _shown(kind: Kind, own: str, value: Any) -> Any:
    """Nothing is None to the connector, and "" to a Django field that cannot be NULL."""
    return None if value == "" and not _field(kind, own).null else value


def _fill(kind: Kind, record: Model, values: Mapping[str, Any]) -> None:
    for own, value in values.items():
        field = _field(kind, own)
        if value is None and not field.null and field.empty_strings_allowed:
            value = ""
        setattr(record, own, value)


def _holds(kind: Kind, record: Model, old: Mapping[str, Any]) -> bool:
    return all(_shown(kind, own, getattr(record, own)) == value for own, value in old.items())


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise _lost(error) from None


def _lost(error: DatabaseError) -> LocalError:
    # Its text may quote a row; its class says enough.
    return LocalError(
        f"The back office's database did not answer ({type(error).__name__}).",
        hint="Nothing was lost: run again when it is back.",
    )
