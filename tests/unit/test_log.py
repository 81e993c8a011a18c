"""Log lines are one JSON object each and show no person and no secret."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from connector.errors import RejectedError
from connector.log import JsonFormatter, Redactor, quiet_libraries, run


class Book:
    """A logger of its own with our formatter and net, and what it wrote."""

    def __init__(self) -> None:
        self.redactor = Redactor()
        self._stream = io.StringIO()
        self.logger = logging.Logger("connector.sample", logging.DEBUG)
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(JsonFormatter())
        handler.addFilter(self.redactor)
        self.logger.addHandler(handler)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def book() -> Book:
    return Book()


def test_a_line_is_one_json_object_with_its_run_and_its_fields(book: Book) -> None:
    with run("r-1"):
        book.logger.info("pass %s", "done", extra={"kind": "customer", "read": 3, "at": [1, None]})
    book.logger.warning("two\nlines")
    first, second = book.lines()
    assert first["message"] == "pass done"
    assert (first["level"], first["logger"], first["run_id"]) == ("info", "connector.sample", "r-1")
    assert (first["kind"], first["read"], first["at"]) == ("customer", 3, [1, None])
    assert first["time"].endswith("+00:00")
    assert second["message"] == "two\nlines" and "run_id" not in second


def test_an_unknown_object_shows_its_class_only(book: Book) -> None:
    class Person:
        def __repr__(self) -> str:
            return "CNRY-1"

    book.logger.info("x", extra={"who": Person(), "all": [Person()]})
    assert book.lines()[0]["who"] == "<Person>"
    assert "CNRY" not in book.text


def test_a_foreign_exception_shows_its_class_and_places_but_not_its_text(book: Book) -> None:
    try:
        raise ValueError("CNRY-1")
    except ValueError:
        book.logger.exception("failed")
    line = book.lines()[0]
    assert line["error"] == "ValueError"
    assert "test_log.py" in line["at"][0]
    assert "CNRY" not in book.text


def test_an_error_of_ours_shows_its_sentence(book: Book) -> None:
    try:
        raise RejectedError("Field Email was refused.")
    except RejectedError:
        book.logger.exception("failed")
    assert book.lines()[0]["error"] == "RejectedError: Field Email was refused."


@pytest.mark.parametrize(
    "text",
    [
        "lin@example.test",
        "Lin <lin.wei+shop@mail.example.test>",
        "张伟@例子.测试",
        "+86 10 5555 0101",
        "+1 (555) 010-0199",
        "+8613800000007",
        "13800000007",
        "010-5555-0101",
        "(555) 555 0101",
    ],
)
def test_what_looks_like_an_address_or_a_number_is_blanked(book: Book, text: str) -> None:
    book.logger.info("about %s now", text, extra={"note": text, "deep": {"list": [text]}})
    assert text not in book.text
    assert "[email]" in book.text or "[phone]" in book.text


@pytest.mark.parametrize(
    "text",
    [
        "4150000000002175001",
        "2026-03-02T09:00:00+08:00",
        "2026-03-02",
        "12345678",
        "200 in 1234 ms",
        "customer/42",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_ids_times_and_counts_stay_readable(book: Book, text: str) -> None:
    book.logger.info("about %s now", text)
    assert text in book.lines()[0]["message"]


def test_registered_secrets_are_blanked_everywhere(book: Book) -> None:
    book.redactor.register("1000.invented.token")
    book.logger.info("token %s", "1000.invented.token", extra={"also": "x1000.invented.tokenx"})
    assert "1000.invented" not in book.text


def test_a_text_too_short_to_be_a_secret_blanks_no_word(book: Book) -> None:
    book.redactor.register("short")
    book.logger.info("shortly")
    assert book.lines()[0]["message"] == "shortly"


def test_arguments_that_do_not_fit_their_text_are_not_printed(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    book.logger.info("%s and %s", "CNRY-1")
    assert "CNRY" not in book.text + capsys.readouterr().err
    assert len(book.lines()) == 1


def test_http_libraries_stay_quiet_even_if_the_root_logger_is_at_debug() -> None:
    root = logging.getLogger()
    before = root.level
    known = {
        name: logging.getLogger(name).level
        for name in ("urllib3", "urllib3.connectionpool", "requests")
    }
    try:
        logging.getLogger("urllib3.connectionpool").setLevel(logging.DEBUG)
        root.setLevel(logging.DEBUG)
        quiet_libraries()
        for name in ("urllib3", "urllib3.connectionpool", "urllib3.connection", "requests"):
            assert not logging.getLogger(name).isEnabledFor(logging.WARNING), name
    finally:
        root.setLevel(before)
        for name, level in known.items():
            logging.getLogger(name).setLevel(level)
