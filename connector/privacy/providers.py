"""Where the key-encrypting key lives. It wraps the ring's root key: one call for each load.

A provider either hands the key over (file, environment, command) or wraps at another place and
never shows it (`remote_providers`).
"""

from __future__ import annotations

import base64
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NoReturn, Protocol, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.errors import SealError, SettingsError
from connector.privacy.private_file import read_private, write_private

KEY_BYTES: Final = 32
COMMAND_S: Final = 10
COMMAND_BYTES: Final = 4096
_NONCE_BYTES: Final = 12

CANNOT_UNWRAP: Final = (
    "The key ring cannot be opened: another key-encrypting key made it, or it was altered."
)
UNWRAP_HINT: Final = "Restore ring and key-encrypting key from the same key backup."


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """What a person judging a loss must know of a provider."""

    leaves_provider: bool
    """Whether the key itself comes into this process."""
    hardware: str
    """"yes", "no", or who can tell."""
    rotation: str
    """How its key is changed, in one sentence."""


class KeyProvider(Protocol):
    """Wraps and unwraps keys; `context` binds a wrapped key to its place in the ring."""

    @property
    def id(self) -> str:
        """Names the provider in the ring file; never secret."""
        ...

    def wrap(self, key: bytes, context: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Raises: SealError if the key-encrypting key is not the one that wrapped it,
        UnreachableError if a remote provider did not answer."""
        ...

    def describe(self) -> ProviderInfo: ...


Kek: TypeAlias = str | KeyProvider
"""A reference "file:PATH", relative to the ring's folder, or an open provider."""


class LocalProvider:
    """A key-encrypting key of 32 bytes that is read where it lies, each time it is needed."""

    def __init__(self, id_: str, read: Callable[[], bytes], rotation: str) -> None:
        self._id, self._read, self._rotation = id_, read, rotation

    def __repr__(self) -> str:
        return f"<LocalProvider {self._id}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key provider cannot be pickled or copied.")

    @property
    def id(self) -> str:
        return self._id

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return wrap_here(self._read(), key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return unwrap_here(self._read(), wrapped, context)

    def describe(self) -> ProviderInfo:
        return ProviderInfo(leaves_provider=True, hardware="no", rotation=self._rotation)


def wrap_here(by: bytes, key: bytes, context: bytes) -> bytes:
    """Wrap a key with AES-256-GCM in this process."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(by).encrypt(nonce, key, context)


def unwrap_here(by: bytes, wrapped: bytes, context: bytes) -> bytes:
    """The inverse of `wrap_here`. Raises: SealError."""
    try:
        return AESGCM(by).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        raise SealError(CANNOT_UNWRAP, hint=UNWRAP_HINT) from None


# --- file -----------------------------------------------------------------------------------------


def file_provider(path: Path) -> LocalProvider:
    """The key in a file of its own, mode 0600, 32 bytes."""
    rotation = "Name a new file as kek and the old one under [keys.previous]; `keys rotate kek`."
    return LocalProvider("file", lambda: _read_file(path), rotation)


def _read_file(path: Path) -> bytes:
    try:
        key = read_private(path, "The key-encrypting key")
    except FileNotFoundError:
        raise SealError(
            f"The key-encrypting key {path} is missing.",
            hint="Restore it from your key backup; a new ring needs `crm-connector keys init`.",
        ) from None
    if len(key) != KEY_BYTES:
        raise SealError(f"The key-encrypting key {path} does not have {KEY_BYTES} bytes.")
    return key


def kek_path(kek: str, base: Path) -> Path:
    """Read a reference `file:PATH`; a relative path counts from `base`. Raises: SettingsError."""
    scheme, _, rest = kek.partition(":")
    if scheme != "file" or not rest:
        raise SettingsError('[keys] kek must be a reference like "file:kek.bin".')
    return base / rest


def make_kek(path: Path) -> None:
    """Make a new key-encrypting key. Raises: FileExistsError."""
    write_private(path, os.urandom(KEY_BYTES), replace=False)


def make_kek_if_absent(kek: Kek, base: Path) -> None:
    """For a `file:` reference: make the file with a new key-encrypting key, unless it is there."""
    if isinstance(kek, str):
        file = kek_path(kek, base)
        if not (file.exists() or file.is_symlink()):
            make_kek(file)


def provider_of(kek: Kek, base: Path) -> KeyProvider:
    """The provider that a reference means; an open one is itself."""
    return file_provider(kek_path(kek, base)) if isinstance(kek, str) else kek


class WithPrevious:
    """While the key-encrypting key changes: wraps with the new one, opens what either wrapped."""

    def __init__(self, now: Kek, before: Kek, base: Path = Path()) -> None:
        self._now, self._before = provider_of(now, base), provider_of(before, base)
        self._make = partial(make_kek_if_absent, now, base)
        self.fell_back = False
        """Whether something was found that only the previous one opens."""

    def __repr__(self) -> str:
        return f"<WithPrevious {self._now.id} {self._before.id}>"

    def make(self) -> None:
        """Make the new key's file, where it is a file and is not there."""
        self._make()

    @property
    def id(self) -> str:
        return self._now.id

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return self._now.wrap(key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        try:
            opened = self._now.unwrap(wrapped, context)
            self.fell_back = False
        except SealError as error:
            try:
                opened = self._before.unwrap(wrapped, context)
            except SealError:
                raise error from None  # the one before is the rarer reason
            self.fell_back = True
        return opened

    def describe(self) -> ProviderInfo:
        return self._now.describe()


# --- environment and command ----------------------------------------------------------------------


def env_provider(name: str, environment: Mapping[str, str] = os.environ) -> LocalProvider:
    """The key in an environment variable, 32 bytes in base64."""

    def read() -> bytes:
        text = environment.get(name)
        if text is None:
            raise SealError(f"The environment has no {name}, which holds the key-encrypting key.")
        return _decoded(text, f"The environment's {name}")

    rotation = "Put a new key into another variable and the old one under [keys.previous]."
    return LocalProvider("env", read, rotation)


def command_provider(argv: Sequence[str], *, time_s: float = COMMAND_S) -> LocalProvider:
    """The key as a program prints it, 32 bytes in base64.

    No shell, an environment with nothing but a PATH, nothing on its standard input; what it says
    on standard error is thrown away, for it may quote the key.
    """
    rotation = "Let the program print a new key; the old program goes under [keys.previous]."
    return LocalProvider("command", lambda: _printed(argv, time_s), rotation)


_CLEARED: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
_COMMAND_HINT: Final = "Try the program of [keys] command by hand, with an empty environment."


def _printed(argv: Sequence[str], time_s: float) -> bytes:
    what = "The program of [keys] command"
    try:
        with subprocess.Popen(  # noqa: S603 - the operator's own program, no shell
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_CLEARED,
            start_new_session=True,
        ) as process:
            said = _bounded(process, time_s)
    except (OSError, ValueError):
        raise SealError(f"{what} cannot be started.", hint=_COMMAND_HINT) from None
    except subprocess.TimeoutExpired:
        raise SealError(f"{what} took longer than {time_s:g} s.", hint=_COMMAND_HINT) from None
    if len(said) > COMMAND_BYTES:
        raise SealError(f"{what} prints more than {COMMAND_BYTES} bytes.", hint=_COMMAND_HINT)
    if process.returncode:
        raise SealError(f"{what} ended with {process.returncode}.", hint=_COMMAND_HINT)
    return _decoded(said.decode("ascii", "replace"), what)


def _bounded(process: subprocess.Popen[bytes], time_s: float) -> bytes:
    """Read at most a little more than is allowed, for at most `time_s`; then make an end of it, and
    of what it started, which may hold its output open for ever."""
    assert process.stdout is not None
    said, end, open_ = bytearray(), time.monotonic() + time_s, True
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while len(said) <= COMMAND_BYTES:
                left = end - time.monotonic()
                if left <= 0:
                    raise subprocess.TimeoutExpired(process.args, time_s)
                if open_ and selector.select(min(left, _LOOK_S)):
                    some = os.read(process.stdout.fileno(), COMMAND_BYTES)
                    said += some
                    open_ = bool(some)
                elif _has_ended(process):
                    break
                elif not open_:
                    time.sleep(min(left, _LOOK_S))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its session is its own
        process.wait()
    return bytes(said)


_LOOK_S = 0.01
"""How often a program that says nothing is looked after."""


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Not `poll`, which lets its number go to somebody else before its group is ended."""
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, look) is not None


def _decoded(text: str, what: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SealError(
            f"{what} does not give {KEY_BYTES} bytes in base64.",
            hint="A new key: `head -c 32 /dev/urandom | base64`.",
        )
    return key
