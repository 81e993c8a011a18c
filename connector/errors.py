"""The one error tree, grouped by what the caller does next.

::

    ConnectorError
    ├── UsageError              fix the call                              exit 2
    │   └── UnknownPluginError
    ├── SettingsError           fix the settings, mapping or policy       exit 3
    │   ├── MappingError
    │   ├── PolicyFileError
    │   └── SchemaDriftError
    ├── VendorError             carries plugin, operation, request id
    │   ├── LoginRefusedError   stop the run; a person must act           exit 4
    │   ├── RejectedError       this record will not go in: set aside     exit 5
    │   │   ├── NotFoundError
    │   │   └── InvalidError
    │   ├── RetryableError      wait and repeat the same call             exit 6
    │   │   ├── RateLimitedError
    │   │   └── UnreachableError
    │   ├── UnknownOutcomeError the write may have landed: look first     inside
    │   └── StaleError          read again, then decide again             inside
    │       ├── StaleVersionError
    │       └── CursorExpiredError
    ├── LocalError              the host's database did not answer        exit 6
    ├── StoreError              the state database did not answer         exit 6
    ├── LeaseHeldError          another run has this scope                exit 7
    ├── LeaseLostError          another run took this scope over          exit 6
    ├── SafetyStopError         too much would be deleted or changed      exit 8
    ├── PolicyError             a privacy rule says no                    exit 9
    └── SealError               key missing, or sealed data altered       exit 9

An error names records by id and fields by name. It never carries a value.
"""

from __future__ import annotations

from collections.abc import Iterable

_CONTEXT = BaseException.__dict__["__context__"]
"""Where Python keeps what was being handled when an error was raised."""


class ConnectorError(Exception):
    """Any error of ours that a caller can act on. `hint` says the way out, where there is one."""

    exit_code = 1

    def __init__(self, sentence: str, *, hint: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.sentence} {self.hint}" if self.hint else self.sentence

    @property
    def __context__(self) -> BaseException | None:
        """Another error of ours that was being handled. A foreign one is kept from whoever prints
        errors with all they came from: a driver's text may quote a row."""
        known: BaseException | None = _CONTEXT.__get__(self)
        return known if isinstance(known, ConnectorError) else None

    @__context__.setter
    def __context__(self, error: BaseException | None) -> None:  # contextlib sets it
        _CONTEXT.__set__(self, error)


class UsageError(ConnectorError):
    """The call is wrong."""

    exit_code = 2


class UnknownPluginError(UsageError):
    """No installed distribution announces a plugin of this name."""


class SettingsError(ConnectorError):
    """Settings, a mapping or a policy is wrong. All faults found are listed at once."""

    exit_code = 3

    def __init__(
        self, sentence: str, *, hint: str | None = None, faults: Iterable[str] = ()
    ) -> None:
        self.faults = tuple(faults)
        super().__init__("\n  - ".join((sentence, *self.faults)), hint=hint)


class MappingError(SettingsError):
    """A mapping file is wrong; each fault names file, line and what to write instead."""


class PolicyFileError(SettingsError):
    """A privacy policy is wrong, or does not fit the settings; faults name file and line."""


class SchemaDriftError(SettingsError):
    """A side's fields are not what the mapping says."""


class VendorError(ConnectorError):
    """Something about a vendor. `code` is the vendor's own code, `trace` its request id."""

    exit_code = 6

    def __init__(
        self,
        sentence: str,
        *,
        hint: str | None = None,
        plugin: str = "",
        operation: str = "",
        code: str = "",
        trace: str = "",
    ) -> None:
        super().__init__(sentence, hint=hint)
        self.plugin = plugin
        self.operation = operation
        self.code = code
        self.trace = trace


class LoginRefusedError(VendorError):
    """The vendor does not let us in, or not at this; repeating does not help."""

    exit_code = 4


class RejectedError(VendorError):
    """The vendor will not take this record as it is."""

    exit_code = 5


class NotFoundError(RejectedError):
    """The record or object is not there."""


class InvalidError(RejectedError):
    """The request or record breaks a rule of the vendor's."""


class RetryableError(VendorError):
    """Surely nothing happened; the same call may work later. `after_s` is the least wait."""

    exit_code = 6

    def __init__(self, sentence: str, *, after_s: float | None = None, **about: str) -> None:
        super().__init__(sentence, **about)
        self.after_s = after_s


class RateLimitedError(RetryableError):
    """The rate or the day's quota is spent."""


class UnreachableError(RetryableError):
    """No connection was made, or the answer to a read was lost."""


class UnknownOutcomeError(VendorError):
    """A write was sent and its answer is missing or unreadable: it may have landed."""


class StaleError(VendorError):
    """What we knew is out of date."""


class StaleVersionError(StaleError):
    """The record changed since we read it."""


class CursorExpiredError(StaleError):
    """The vendor no longer knows where we left off; the window starts again."""


class LocalError(ConnectorError):
    """The host's database did not answer or refused the whole transaction."""

    exit_code = 6


class StoreError(ConnectorError):
    """The state database did not answer, is full, or is no database."""

    exit_code = 6


class LeaseHeldError(ConnectorError):
    """Another run has this scope."""

    exit_code = 7


class LeaseLostError(ConnectorError):
    """Our lease ended and another run holds the scope; nothing further was written."""

    exit_code = 6


class SafetyStopError(ConnectorError):
    """More would be deleted or changed than `[safety]` allows, or a database went back in time."""

    exit_code = 8


class PolicyError(ConnectorError):
    """A privacy rule says no."""

    exit_code = 9


class SealError(ConnectorError):
    """A key is missing, or sealed data was altered.

    `missing` is true when a subject's key is not in the keys database although nobody destroyed
    it: a fault to repair, after which the same data opens again.
    """

    exit_code = 9

    def __init__(self, sentence: str, *, hint: str | None = None, missing: bool = False) -> None:
        super().__init__(sentence, hint=hint)
        self.missing = missing


class StopRequest(BaseException):
    """Somebody asked the run to stop, and it stops at a safe point. No error, and nobody handles it
    on the way."""


EXIT_ORDER = (1, 3, 4, 9, 8, 6, 5)
"""When one run has several reasons to fail, the first of these is its exit code."""


def worst(codes: Iterable[int]) -> int:
    """Pick the exit code of a run from those of its parts.

    >>> worst([0, 5, 6, 0])
    6
    >>> worst([])
    0
    """
    seen = set(codes)
    return next((code for code in EXIT_ORDER if code in seen), max(seen, default=0))
