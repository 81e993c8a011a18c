"""Where the key-encrypting key may live, and what each place refuses."""

from __future__ import annotations

import base64
import copy
import json
import os
import pickle
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.app import open_connector
from connector.errors import ConnectorError, SealError, SettingsError, UnreachableError
from connector.http.aws import kms_client
from connector.keeping.provider import kek_of
from connector.keeping.rotation import Keyring, Rotation
from connector.privacy.keys import Purpose
from connector.privacy.providers import (
    COMMAND_S,
    KeyProvider,
    WithPrevious,
    command_provider,
    env_provider,
    provider_of,
)
from connector.privacy.remote_providers import KmsProvider
from connector.privacy.ring import create_ring, load_ring
from connector.privacy.ring_changes import rewrap
from connector.settings import Settings, parse
from connector.testing.clock import ManualClock
from tests.privacy.installed import TENANT, Installed, Worker, in_a_process
from tests.privacy.transit import TOKEN, Transit, transit

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY = base64.b64encode(bytes(range(32))).decode()


def settings(folder: Path, **keys: Any) -> Settings:
    return parse({"tenant": "shop-a", "keys": keys, "local": {"url": "sqlite:///s.db"}}, folder)


def printing(folder: Path, program: str) -> list[str]:
    file = folder / "program.py"
    file.write_text(program)
    return [sys.executable, "-S", str(file)]


@pytest.fixture
def vault() -> Iterator[Transit]:
    with transit() as engine:
        yield engine


class Kms:
    """The part of a KMS client that we call, by boto3's reference."""

    def __init__(self) -> None:
        self.key = AESGCM(os.urandom(32))
        self.asked = 0
        self.code: str | None = None

    def _begin(self, key_id: str, context: dict[str, str]) -> bytes:
        self.asked += 1
        if self.code is not None:
            raise ClientError(self.code)
        assert key_id == "alias/crm"
        return json.dumps(context, sort_keys=True).encode()

    def encrypt(
        self, *, KeyId: str, Plaintext: bytes, EncryptionContext: dict[str, str]
    ) -> dict[str, Any]:
        about = self._begin(KeyId, EncryptionContext)
        nonce = os.urandom(12)
        return {"CiphertextBlob": nonce + self.key.encrypt(nonce, Plaintext, about), "KeyId": KeyId}

    def decrypt(
        self, *, KeyId: str, CiphertextBlob: bytes, EncryptionContext: dict[str, str]
    ) -> dict[str, Any]:
        about = self._begin(KeyId, EncryptionContext)
        try:
            plain = self.key.decrypt(CiphertextBlob[:12], CiphertextBlob[12:], about)
        except InvalidTag:
            raise ClientError("InvalidCiphertextException") from None
        return {"Plaintext": plain, "KeyId": KeyId}


class ClientError(Exception):
    """As botocore's: an error whose `response` holds the code."""

    def __init__(self, code: str) -> None:
        super().__init__("An error occurred: it quotes do-not-tell")
        self.response = {"Error": {"Code": code, "Message": "do-not-tell"}}


def providers(folder: Path, engine: Transit) -> dict[str, KeyProvider]:
    (folder / "token").write_text(TOKEN + "\n")
    where = {"address": engine.url, "key": "crm", "token": "file:token", "allow_loopback": True}
    opened = kek_of(settings(folder, provider="vault", vault=where), ManualClock())
    (folder / "own.bin").write_bytes(os.urandom(32))
    (folder / "own.bin").chmod(0o600)
    return {
        "file": provider_of("file:own.bin", folder),
        "env": env_provider("CRM_KEK", {"CRM_KEK": KEY}),
        "command": command_provider(printing(folder, f"print({KEY!r})")),
        "vault": provider_of(opened, folder),
        "aws-kms": KmsProvider(Kms(), "alias/crm"),
    }


NAMES = ("file", "env", "command", "vault", "aws-kms")


@pytest.mark.parametrize("name", NAMES)
def test_a_ring_lives_under_every_provider(name: str, tmp_path: Path, vault: Transit) -> None:
    provider = providers(tmp_path, vault)[name]
    path = tmp_path / "ring.json"
    create_ring(path, provider, "shop-a", NOW)
    one, two = load_ring(path, provider, "shop-a"), load_ring(path, provider, "shop-a")
    assert one.active(Purpose.REF).derive(b"x") == two.active(Purpose.REF).derive(b"x")
    assert json.loads(path.read_text())["provider"] == provider.id == name
    told = provider.describe()
    assert told.leaves_provider is (name in ("file", "env", "command"))
    assert told.rotation


@pytest.mark.parametrize("name", NAMES)
def test_what_was_wrapped_for_one_place_opens_at_no_other(
    name: str, tmp_path: Path, vault: Transit
) -> None:
    provider = providers(tmp_path, vault)[name]
    wrapped = provider.wrap(bytes(32), b"here")
    assert provider.unwrap(wrapped, b"here") == bytes(32)
    with pytest.raises(SealError, match="cannot be opened") as caught:
        provider.unwrap(wrapped, b"there")
    assert caught.value.exit_code == 9


@pytest.mark.parametrize("name", NAMES)
def test_no_provider_shows_its_key_or_is_copied(name: str, tmp_path: Path, vault: Transit) -> None:
    provider = providers(tmp_path, vault)[name]
    assert KEY not in repr(provider) and TOKEN not in repr(provider)
    for refuse in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            refuse(provider)


def test_a_remote_provider_is_asked_once_for_a_load(tmp_path: Path, vault: Transit) -> None:
    path, kms = tmp_path / "ring.json", Kms()
    create_ring(path, KmsProvider(kms, "alias/crm"), "shop-a", NOW)
    assert kms.asked == 1
    load_ring(path, KmsProvider(kms, "alias/crm"), "shop-a")
    assert kms.asked == 2
    remote = providers(tmp_path, vault)["vault"]
    create_ring(tmp_path / "other.json", remote, "shop-a", NOW)
    load_ring(tmp_path / "other.json", remote, "shop-a")
    assert vault.asked == ["/v1/transit/encrypt/crm", "/v1/transit/decrypt/crm"]


# --- a provider takes over from another -----------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"), [(a, b) for a in ("file", "vault") for b in NAMES if a != b]
)
def test_one_provider_takes_over_from_another(
    before: str, after: str, tmp_path: Path, vault: Transit
) -> None:
    known = providers(tmp_path, vault)
    path = tmp_path / "ring.json"
    create_ring(path, known[before], "shop-a", NOW)
    secret = load_ring(path, known[before], "shop-a").active(Purpose.WRAP).derive(b"x")
    with pytest.raises(SealError, match=f'wrapped by the provider "{before}"') as caught:
        load_ring(path, known[after], "shop-a")
    assert "keys.previous" in str(caught.value)
    both = WithPrevious(known[after], known[before])
    assert load_ring(path, both, "shop-a").active(Purpose.WRAP).derive(b"x") == secret
    assert both.fell_back
    rewrap(path, both, "shop-a")
    assert load_ring(path, known[after], "shop-a").active(Purpose.WRAP).derive(b"x") == secret
    with pytest.raises(SealError):
        load_ring(path, known[before], "shop-a")


def test_where_neither_provider_opens_the_newer_ones_reason_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    create_ring(path, "file:kek.bin", "shop-a", NOW)
    both = WithPrevious(env_provider("CRM_KEK", {}), env_provider("OTHER", {"OTHER": KEY}))
    with pytest.raises(SealError, match='wrapped by the provider "file"'):
        load_ring(path, both, "shop-a")
    with pytest.raises(SealError, match="no CRM_KEK"):
        both.unwrap(bytes(60), b"")


@pytest.mark.parametrize("at", ["kek", "ring"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_change_of_the_key_encrypting_key_may_be_killed(
    when: str, at: str, tmp_path: Path
) -> None:
    home = Installed(tmp_path).make()
    worker = Worker(home, "crm")
    assert worker.try_a_batch()
    both = WithPrevious("file:new.bin", "file:kek.bin", tmp_path)

    def change(die: bool) -> None:
        def hook(point: str) -> None:
            if die and point == f"{when} commit: {at}":
                os._exit(9)

        keyring = Keyring(home.ring, both, TENANT)
        with closing(home.store()) as store, closing(home.vault(both)) as vault:
            Rotation(keyring, store, vault, home.clock, hook=hook).rewrap()

    assert in_a_process(lambda: change(die=True)) == 9
    with closing(home.vault(both)) as vault:
        assert worker.read_all(vault) == 5
    change(die=False)
    with closing(home.vault("file:new.bin")) as vault:
        assert worker.read_all(vault) == 5
    with pytest.raises(SealError):
        home.vault("file:kek.bin")
    worker.close()


def test_a_rewrap_leaves_no_key_under_the_old_root(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    create_ring(path, "file:kek.bin", "shop-a", NOW)
    before = json.loads(path.read_text())
    rewrap(path, "file:kek.bin", "shop-a")
    now = json.loads(path.read_text())
    assert now["epoch"] == before["epoch"] + 1
    assert now["root"]["kcv"] != before["root"]["kcv"]
    assert not {k["wrapped"] for k in now["keys"]} & {k["wrapped"] for k in before["keys"]}
    assert [k["kcv"] for k in now["keys"]] == [k["kcv"] for k in before["keys"]]


# --- environment and command ----------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "x", "AAAA", KEY[:-2], KEY + "AAAA", "钥匙"])
def test_a_variable_that_holds_no_key_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(SealError, match="CRM_KEK does not give 32 bytes") as caught:
        env_provider("CRM_KEK", {"CRM_KEK": text}).wrap(bytes(32), b"")
    assert len(text) < 4 or text not in str(caught.value)


def test_an_absent_variable_says_its_name() -> None:
    with pytest.raises(SealError, match="no CRM_KEK"):
        env_provider("CRM_KEK", {}).wrap(bytes(32), b"")


FAULTY = {
    "ended with 3": "import sys; sys.stderr.write('do-not-tell'); sys.exit(3)",
    "more than 4096 bytes": "print('A' * 5000)",
    "does not give 32 bytes": "print('do-not-tell')",
    "longer than": "import time; time.sleep(30)",
}


@pytest.mark.parametrize("sentence", FAULTY)
def test_a_command_that_fails_is_told_of_without_its_words(
    sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    time_s = 1 if sentence == "longer than" else COMMAND_S
    provider = command_provider(printing(tmp_path, FAULTY[sentence]), time_s=time_s)
    with pytest.raises(SealError, match=sentence) as caught:
        provider.unwrap(bytes(60), b"")
    assert "do-not-tell" not in str(caught.value) + "".join(capfd.readouterr())


def is_ended(pid: Path) -> bool:
    """Whether the process of this number ends soon."""
    stat = Path("/proc") / pid.read_text() / "stat"
    for _ in range(100):
        if not stat.exists() or stat.read_text().split()[2] == "Z":
            return True
        time.sleep(0.02)
    return False


def with_a_child(pid: Path, then: str) -> str:
    """A program that leaves its number behind, and a child that holds its output."""
    return "import subprocess, sys, time\n" + (
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\n{then}\n"
    )


def test_a_command_that_leaves_a_child_behind_is_ended_with_it(tmp_path: Path) -> None:
    program = with_a_child(tmp_path / "pid", "print('A' * 5000, flush=True)\ntime.sleep(60)")
    with pytest.raises(SealError, match="more than 4096 bytes"):
        command_provider(printing(tmp_path, program)).wrap(bytes(32), b"")
    assert is_ended(tmp_path / "pid")


def test_a_key_is_taken_from_a_command_that_ended_and_its_child_is_ended(tmp_path: Path) -> None:
    program = with_a_child(tmp_path / "pid", f"print({KEY!r}, flush=True)")
    assert len(command_provider(printing(tmp_path, program)).wrap(bytes(32), b"")) == 60
    assert is_ended(tmp_path / "pid")


def test_a_command_gets_no_shell_and_no_environment_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_SECRET", "do-not-tell")
    seen = tmp_path / "seen"
    program = (
        "import json, os, sys\n"
        f"open({str(seen)!r}, 'w').write(json.dumps([sorted(os.environ), sys.argv[1:]]))\n"
        f"print({KEY!r})\n"
    )
    argv = [*printing(tmp_path, program), "$(touch x); `id`"]
    assert len(command_provider(argv).wrap(bytes(32), b"")) == 60
    environment, arguments = json.loads(seen.read_text())
    assert set(environment) <= {"PATH", "LC_ALL", "LC_CTYPE"}
    assert arguments == ["$(touch x); `id`"]


def test_a_command_that_is_not_there_is_a_seal_error() -> None:
    with pytest.raises(SealError, match="cannot be started"):
        command_provider(["/nowhere/program"]).wrap(bytes(32), b"")


# --- Vault ----------------------------------------------------------------------------------------

QUOTING = b'{"errors": ["do-not-tell"]}'


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (403, QUOTING, SealError, "refuses our token"),
        (404, QUOTING, SealError, "no such mount or key"),
        (503, QUOTING, UnreachableError, "did not answer"),
        (500, QUOTING, UnreachableError, "did not answer"),
        (429, QUOTING, UnreachableError, "did not answer"),
        (302, QUOTING, SealError, "refused the call"),
        (200, b"<html>", SealError, "not what it documents"),
        (200, b'{"data": {}}', SealError, "not what it documents"),
        (200, b'{"data": null}', SealError, "not what it documents"),
        (200, b'{"data": {"plaintext": 7, "ciphertext": 7}}', SealError, "not what it documents"),
        (200, b'{"data": {"plaintext": "~", "ciphertext": "~"}}', SealError, "not what it doc"),
        (200, b"x" * 70_000, SealError, "not what it documents"),
    ],
)
@pytest.mark.parametrize("verb", ["wrap", "unwrap"])
def test_what_vault_may_answer(
    verb: str,
    status: int,
    body: bytes,
    kind: type[ConnectorError],
    sentence: str,
    tmp_path: Path,
    vault: Transit,
) -> None:
    provider = providers(tmp_path, vault)["vault"]
    wrapped = provider.wrap(bytes(32), b"here")
    vault.refuse = status, body
    with pytest.raises(kind, match=sentence) as caught:
        provider.wrap(bytes(32), b"here") if verb == "wrap" else provider.unwrap(wrapped, b"here")
    assert "do-not-tell" not in f"{caught.value!r}{caught.value}"


def test_a_token_is_read_anew_for_each_call(tmp_path: Path, vault: Transit) -> None:
    provider = providers(tmp_path, vault)["vault"]
    (tmp_path / "token").write_text("ended")
    with pytest.raises(SealError, match="refuses our token"):
        provider.wrap(bytes(32), b"here")
    (tmp_path / "token").write_text(TOKEN)
    assert provider.wrap(bytes(32), b"here").startswith(b"vault:v1:")
    (tmp_path / "token").unlink()
    with pytest.raises(SealError, match=r"keys\.vault\.token"):
        provider.wrap(bytes(32), b"here")


def test_a_vault_that_is_down_may_be_tried_again(tmp_path: Path) -> None:
    with transit() as engine:
        provider = providers(tmp_path, engine)["vault"]
    with pytest.raises(UnreachableError, match="vault did not answer") as caught:
        provider.wrap(bytes(32), b"here")
    assert caught.value.exit_code == 6


def test_a_vault_elsewhere_must_be_https(tmp_path: Path) -> None:
    where = {"address": "http://vault.example.test", "key": "crm", "token": "env:T"}
    with pytest.raises(SettingsError, match="not https"):
        kek_of(settings(tmp_path, provider="vault", vault=where), ManualClock())


# --- AWS KMS --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDeniedException", SealError),
        ("DisabledException", SealError),
        ("NotFoundException", SealError),
        ("IncorrectKeyException", SealError),
        ("KMSInternalException", UnreachableError),
        ("ThrottlingException", UnreachableError),
        ("DependencyTimeoutException", UnreachableError),
    ],
)
def test_what_kms_may_answer(code: str, kind: type[ConnectorError]) -> None:
    kms = Kms()
    provider = KmsProvider(kms, "alias/crm")
    wrapped = provider.wrap(bytes(32), b"here")
    kms.code = code
    for verb in ("wrap", "unwrap"):
        with pytest.raises(kind) as caught:
            provider.wrap(bytes(32), b"") if verb == "wrap" else provider.unwrap(wrapped, b"")
        assert "do-not-tell" not in f"{caught.value!r}{caught.value}"


def test_without_boto3_the_settings_say_what_to_install() -> None:
    try:
        import boto3  # type: ignore[import-not-found]  # noqa: F401 - an extra; only whether it is there
    except ImportError:
        with pytest.raises(SettingsError, match=r"crm-connector\[aws\]"):
            kms_client(None, 1)
    else:
        assert kms_client("eu-central-1", 1) is not None


# --- through the settings -------------------------------------------------------------------------


def test_an_installation_works_with_a_key_from_a_program(tmp_path: Path) -> None:
    own = settings(tmp_path, provider="command", command=printing(tmp_path, f"print({KEY!r})"))
    with open_connector(own) as connector:
        connector.make_keys()
        assert not (tmp_path / "kek.bin").exists()
        sealed = connector.vault.seal_secret("x", b"invented")
    with open_connector(own) as connector:
        assert connector.vault.open_secret("x", sealed) == b"invented"


def test_an_installation_works_with_a_key_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_KEK", KEY)
    own = settings(tmp_path, provider="env", kek="env:CRM_KEK", allow_env_key=True)
    with open_connector(own) as connector:
        connector.make_keys()
        assert connector.vault.open_secret("x", connector.vault.seal_secret("x", b"y")) == b"y"
    assert not (tmp_path / "kek.bin").exists()
