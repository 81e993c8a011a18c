"""Every cause that an event may have, in words for people. The only place that has them.

`tests/unit/test_causes.py` looks through the code for causes that have no sentence here.
"""

from __future__ import annotations

from typing import Final

from connector.plugin import Op
from connector.sync.merge import Cause

_MERGED: Final = {
    Cause.AGREED: "both sides show the same, and agree on it from now on",
    Cause.LOCAL_EDIT: "edited in the shop: it goes to the vendor",
    Cause.REMOTE_EDIT: "edited at the vendor: it goes to the shop",
    Cause.AGAINST_DIRECTION: "edited against the mapping's `direction`: it stays on its side",
    Cause.POLICY: "both sides differed, and the mapping's `policy` decided",
    Cause.CONFLICT: "both sides differed, and a person has to decide",
    Cause.CHOSEN: "a person had chosen whose value stands",
    Cause.RETENTION: "its term in the privacy policy is over: it goes on all sides",
}

_WRITTEN: Final = {
    Op.CREATE: "was made",
    Op.UPDATE: "was updated",
    Op.REMOVE: "was put away",
    Op.RESTORE: "was brought back",
    Op.PURGE: "was deleted for good",
}

_SIDES: Final = {"local": "the shop's row", "remote": "the vendor's record"}

SENTENCES: Final[dict[str, str]] = {
    **{cause.value: sentence for cause, sentence in _MERGED.items()},
    **{
        f"{op}_{side}": f"{record} {done} by a sync"
        for op, done in _WRITTEN.items()
        for side, record in _SIDES.items()
    },
    "bound": "the shop's row and the vendor's record were found to be one, and joined",
    "linked_by_file": "an id map that was imported names the row and the record as one",
    "merged": "the vendor merged its record into another one: the link goes on with that one",
    "older_kept": "two records of the vendor carry its key: the link goes on with the older one",
    "found_late": "a listing of all ids found a change that no feed had told of",
    "reconciled": "both sides were read from scratch after a database was put back",
    "joined_again": "the shop's row and the vendor's record were found to belong together again",
    "gone_before_copy": "it was removed after the copy that was put back had been taken",
    "row_lost": "the shop's row is not in the copy of the shop that was put back",
    "gone_both": "both sides have removed it",
    "reborn_local": "it lives again in the shop: a new life of the record begins",
    "reborn_remote": "it lives again at the vendor: a new life of the record begins",
    "lost_local": "a policy overwrote the shop's value; it is kept here, sealed",
    "lost_remote": "a policy overwrote the vendor's value; it is kept here, sealed",
    "possibly_overwritten": "somebody wrote at the vendor at the same moment: their value may be"
    " gone",
    "letter:poison": "runs died over it again and again, and it was set aside for a person",
    "letter:*": "set aside for a person; the reason's code stands behind the colon",
    "suppressed": "records of people who were erased came along and were turned away",
    "erased": "its person was erased: nothing of the record is kept",
    "suppression_lifted": "somebody who was erased may come back",
    "restricted": "its person's data may only be stored from here on",
    "unrestricted": "its person's data may travel again",
    "exported": "its person's data was handed out",
    "rectified": "its person's data was corrected in the shop",
    "clock_accepted": "a person said that the clocks are right, although they went back",
    "shown": "an operator had values of it shown unmasked",
}
"""Cause to sentence. A cause that carries a reason's code is listed with `*` in its place."""


def in_words(cause: str) -> str:
    """A cause as a person is told it.

    >>> in_words("gone_both")
    'both sides have removed it'
    >>> in_words("letter:ambiguous")
    'set aside for a person (ambiguous)'
    """
    head, colon, code = cause.partition(":")
    if colon and f"{head}:*" in SENTENCES:
        return f"{SENTENCES[f'{head}:*'].partition(';')[0]} ({code})"
    return SENTENCES.get(cause, cause)
