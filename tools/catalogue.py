"""The catalogue of deliberate bugs: what a sync engine gets wrong, each as one change of our text.

A bug is hunted first by random seeds of the simulation, if it names any, then by whole-pass
stories. `old` stands exactly once in its file; a catalogue that no longer fits the tree fails.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bug:
    """In `file`, `old` becomes `new`. `harm`: what goes wrong for a shop.

    `seeds`: how many seeds of the simulation it may take; 0: none is tried. `stories`: tests that
    play whole passes, tried after the seeds.
    """

    file: str
    old: str
    new: str
    harm: str
    seeds: int = 60
    stories: tuple[str, ...] = ()


_SYNC = "connector/sync/"
_STORIES = "tests/sync/"

BUGS: dict[str, Bug] = {
    # --- cursors ---
    "watermark-from-our-clock": Bug(
        _SYNC + "observe.py",
        "        first = first or page.read_at\n",
        "        first = first or scope.ports.clock.now()\n",
        "the vendor's clock is behind ours, and what is edited next is never read",
    ),
    "cursor-plus-a-second": Bug(
        _SYNC + "observe.py",
        "    overlap = caps.feed_lag + 2 * caps.version_step\n",
        "    overlap = -dt.timedelta(seconds=1)\n",
        "what was committed in the last second of a window, or showed late, is never read",
    ),
    "no-overlap-and-no-settle-time": Bug(
        _SYNC + "observe.py",
        "    overlap = caps.feed_lag + 2 * caps.version_step\n",
        "    overlap = settle = dt.timedelta(0)\n",
        "a change that its feed shows a little late lies before the next window",
    ),
    "watermark-without-settle-time": Bug(
        _SYNC + "observe.py",
        "as_us(first - settle), store.now_us(tx))\n",
        "as_us(first), store.now_us(tx))\n",
        "the window that counts as read ends before the feed shows all of it",
    ),
    "watermark-before-staging": Bug(
        _SYNC + "observe.py",
        "        first = first or page.read_at\n",
        "        first = first or page.read_at\n"
        '        with store.write(scope.lease, "early") as early:\n'
        "            scopes.advance(\n"
        "                early, scope.connection, scope.kind, as_us(first), store.now_us(early)\n"
        "            )\n",
        "a process that dies between two pages never reads the second one",
        stories=(_STORIES + "test_cut_everywhere.py",),
    ),
    "equal-version-dropped-unread": Bug(
        _SYNC + "news.py",
        "        if equal and settled:\n",
        "        if equal:\n",
        "an edit in the second of our write, or of our look, is never seen",
        stories=(_STORIES + "test_fields.py",),
    ),
    # --- writes with unknown outcome ---
    "a-second-sending-speaks-for-the-first": Bug(
        _SYNC + "answers.py",
        "            elif result.outcome is Outcome.RETRY and job.may_land:\n",
        "            elif False:\n",
        "a create that lands late is met as a stranger's record and fills what was emptied since",
        seeds=0,
        stories=(_STORIES + "test_late_answers.py",),
    ),
    "create-sent-again-on-timeout": Bug(
        _SYNC + "answers.py",
        "                settling.lost(job, result.reason)\n",
        "                settling.put_off(job, 0, None)\n",
        "a create whose answer was lost is planned and sent again without a look",
    ),
    "looked-for-too-early": Bug(
        _SYNC + "recover.py",
        "        life += life if scope.caps.find_lag is None else scope.caps.find_lag\n",
        "        life = dt.timedelta(0)\n",
        "a lagging search does not show the first record yet, and a second one is made",
        seeds=0,
        stories=(_STORIES + "test_late_answers.py",),
    ),
    "a-patch-is-judged-too-early": Bug(
        _SYNC + "recover.py",
        "    return (intent.sent_us or 0) + us_in(life)\n",
        "    return 0 if intent.op != Op.CREATE else (intent.sent_us or 0) + int(\n"
        "        life.total_seconds() * 1_000_000\n"
        "    )\n",
        "a timed-out patch lands after what followed it",
        seeds=0,
        stories=(_STORIES + "test_late_answers.py",),
    ),
    "intents-are-not-stored": Bug(
        _SYNC + "send.py",
        "        intents.put(tx, rows)\n",
        "",
        "after a crash nobody knows that a create was on its way",
        stories=(_STORIES + "test_cut_everywhere.py",),
    ),
    "links-saved-after-all-batches": Bug(
        _SYNC + "send.py",
        "    settle_remote(scope, by_id, [result for some in answers for result in some])\n"
        "    if errors:\n",
        "    told = [result for some in answers for result in some]\n"
        "    if not errors:\n"
        "        settle_remote(scope, by_id, told)\n"
        "    if errors:\n",
        "an error of one call loses the answers of the calls before it",
        seeds=0,
        stories=(_STORIES + "test_late_answers.py",),
    ),
    "batch-success-as-one-flag": Bug(
        _SYNC + "answers.py",
        "            if result.outcome is Outcome.APPLIED:\n                _applied(",
        "            if results[0].outcome is Outcome.APPLIED:\n                _applied(",
        "one good record of a batch makes the refused ones count as written",
        seeds=0,
        stories=(_STORIES + "test_meeting.py",),
    ),
    "a-probe-believes-what-was-sent": Bug(
        _SYNC + "settling.py",
        "    sent = scope.pair.read_remote(job.draft.set)\n",
        "    return dict(job.draft.set)\n    sent = scope.pair.read_remote(job.draft.set)\n",
        "a patch that never landed counts as landed, and the vendor's old value comes back",
        stories=(_STORIES + "test_cut_everywhere.py", _STORIES + "test_freeze_everywhere.py"),
    ),
    # --- the merge ---
    "one-base-for-both-sides": Bug(
        _SYNC + "answers.py",
        "    held = {name: shown.get(name, value) for name, value in job.draft.set.items()}\n",
        "    held = dict(job.draft.set)\n",
        "what the vendor makes of a value comes back and overwrites the shop's",
        seeds=0,
        stories=(_STORIES + "test_fields.py",),
    ),
    "absent-read-as-null": Bug(
        _SYNC + "fields.py",
        "    held = {name: record[name] for name in unit.fields if name in record}\n",
        "    held = {name: record.get(name) for name in unit.fields}\n",
        "a field that our user may not see for a day is cleared in the shop",
    ),
    "echo-by-actor": Bug(
        _SYNC + "news.py",
        "        equal = bool(held) and one.version == held\n",
        "        if one.by_us:\n            return\n"
        "        equal = bool(held) and one.version == held\n",
        "an edit that came before our own write is taken for its echo",
        stories=(_STORIES + "test_fields.py", _STORIES + "test_cut_everywhere.py"),
    ),
    "newest-by-the-record-s-time": Bug(
        _SYNC + "fields.py",
        "    return here, pair.edited_remote(unit, remote)\n",
        "    return here, case.seen.changed_at if case.seen else None\n",
        "a vendor's edit of another field makes its old value the newest",
        seeds=0,
        stories=(_STORIES + "test_hub_clashes.py",),
    ),
    "reversals-are-not-counted": Bug(
        _SYNC + "competing.py",
        "    return turn.reversals + 1 if was and agree(pair.same, was, edit.now) else 0\n",
        "    return 0\n",
        "a workflow and a program make us write for ever",
        seeds=0,
        stories=(_STORIES + "test_competing.py",),
    ),
    "conflicts-do-not-hold": Bug(
        _SYNC + "fields.py",
        "    held = standing is not None and standing.state in (OPEN, CHOSEN)\n",
        "    held = standing is not None and standing.state == CHOSEN\n",
        "one more edit on one side overwrites a value that waits for a person",
        stories=(_STORIES + "test_fields.py",),
    ),
    # --- identity ---
    "first-match-wins": Bug(
        _SYNC + "partners.py",
        '                return _ambiguous("several records have the same identifying value")\n',
        "                pass\n",
        "of two people with one phone the first one found gets the other's data",
    ),
    "the-younger-twin-is-kept": Bug(
        _SYNC + "partners.py",
        "        if rival is not None and (gone or is_older(mine, rival)):\n",
        "        if rival is not None and gone:\n",
        "people at the vendor work on the older record, and we on the other",
        seeds=0,
        stories=(_STORIES + "test_successors.py",),
    ),
    "children-before-their-parents": Bug(
        _SYNC + "references.py",
        "        if parent and parent.ready and there:\n",
        "        if (parent and there) or raw:\n            there = there or raw\n",
        "a card is written for a customer that is not there",
        seeds=20,
        stories=(_STORIES + "test_meeting.py",),
    ),
    # --- removals ---
    "absence-is-believed": Bug(
        _SYNC + "looked.py",
        "        if row.payload is None or row.gone is not None:\n            by_id",
        "        if row.gone == Gone.ABSENT:\n"
        "            gone = Seen(\n"
        "                ref=row.record, version=row.version, changed_at=None, fields={},\n"
        "                gone=Gone.ABSENT,\n"
        "            )\n"
        "            seen[row.record] = (gone, True)\n"
        "        elif row.payload is None or row.gone is not None:\n            by_id",
        "records that are hidden from us, or that an index shows late, are deleted in the shop",
        stories=(_STORIES + "test_sweep.py",),
    ),
    "tombstone-not-checked": Bug(
        _SYNC + "news.py",
        "        link = self.known.get(one.ref)\n",
        "        link = self.known.get(one.ref)\n"
        "        if link is not None and link.live is None:\n"
        "            link = None\n",
        "a late copy of a record that was removed brings it back",
        stories=(_STORIES + "test_gone.py",),
    ),
    "an-edit-loses-to-a-deletion": Bug(
        _SYNC + "gone.py",
        "    if _edited(pair, case, other):\n",
        "    if False:\n",
        "what somebody edited is deleted because somebody else deleted the record",
    ),
    "no-cap-on-removals": Bug(
        _SYNC + "engine.py",
        "    return gone, not gone\n",
        "    return False, False\n",
        "a wrong filter deletes everybody",
        seeds=0,
        stories=(_STORIES + "test_gone.py", "tests/docs/test_promise_stories.py"),
    ),
    "a-hidden-record-counts-as-gone": Bug(
        _SYNC + "plan.py",
        "case.seen.gone not in (None, Gone.HIDDEN)\n",
        "case.seen.gone is not None\n",
        "a record out of our sight is deleted in the shop",
        stories=(_STORIES + "test_sweep.py",),
    ),
    # --- bugs that the simulation found ---
    "a-window-cut-in-two-counts-as-a-look": Bug(
        _SYNC + "observe.py",
        "    if resumed and not scope.caps.conditional:\n",
        "    if False:\n",
        "what changed on pages read before a stop is overwritten unseen",
        seeds=0,
        stories=(_STORIES + "test_hard_stories.py",),
    ),
    "a-plan-forgets-what-it-planned": Bug(
        _SYNC + "scope.py",
        "            if planned is not None and seen.gone is None:\n",
        "            if False:\n",
        "a plan takes its own planned write back",
        seeds=0,
        stories=(_STORIES + "test_planning.py",),
    ),
    "a-stop-loses-whose-a-conflict-is": Bug(
        _SYNC + "notes.py",
        "        links.save_subjects(tx, self.named)\n",
        "",
        "after a stop a conflict opens for nobody, and every run ends there",
        seeds=0,
        stories=(_STORIES + "test_conflict_survives_a_stop.py",),
    ),
    "a-removal-is-sent-again-unread": Bug(
        _SYNC + "recover.py",
        "    if seen.gone is None and _edited_since(link, seen):\n",
        "    if False:\n",
        "an edit made while a removal was on its way is removed with the record",
        seeds=0,
        stories=(_STORIES + "test_late_answers.py",),
    ),
    "another-vendors-removal-is-carried-on-unread": Bug(
        _SYNC + "looked.py",
        "row.gone in (Gone.EXPLICIT, Gone.NOT_FOUND) for row in rows)\n",
        "row.gone == Gone.EXPLICIT for row in rows)\n",
        "a removal at one vendor removes an edit at another that its feed does not show yet",
        seeds=0,
        stories=(_STORIES + "test_hub_clashes.py",),
    ),
    # --- two workers ---
    "lease-without-fence": Bug(
        "connector/store/database.py",
        "        if renewed.rowcount != 1:\n",
        "        if renewed.rowcount > 1:\n",
        "a worker that slept goes on beside the one that took over",
        stories=(_STORIES + "test_freeze_everywhere.py",),
    ),
    "the-lease-is-not-proven-before-a-call": Bug(
        _SYNC + "send.py",
        '    with scope.store.write(scope.lease, "sending") as tx:\n',
        '    with scope.store.write(None, "sending") as tx:\n',
        "a worker that slept sends what the one that took over has sent",
        stories=(_STORIES + "test_freeze_everywhere.py",),
    ),
    # --- the shop's side, and the hub ---
    "journal-emptied-not-by-row": Bug(
        "connector/local/notes.py",
        "        tx.execute(sa.delete(self.journal).where(self.journal.c.id.in_(entries)))\n",
        "        tx.execute(sa.delete(self.journal).where(self.journal.c.id > 0))\n",
        "what the shop changes between our look and our thanks is never seen",
        seeds=0,
        stories=("tests/unit/test_local_sql.py", _STORIES + "test_freeze_everywhere.py"),
    ),
    "journal-forgotten-before-it-is-staged": Bug(
        _SYNC + "noticing.py",
        "        rows = _read(ports, opened, journal.keys)\n",
        "        rows = _read(ports, opened, journal.keys)\n"
        "        ports.local.forget(first, journal.entries)\n",
        "a process that dies here never carries those changes",
        stories=(_STORIES + "test_cut_everywhere.py",),
    ),
    "journal-staged-for-one-connection": Bug(
        _SYNC + "noticing.py",
        "        staged.mark(tx, others, kind, dict.fromkeys(left))\n",
        "",
        "a vendor that took no part in a run never gets what changed",
        seeds=0,
        stories=(_STORIES + "test_hub.py",),
    ),
    "no-fan-out": Bug(
        _SYNC + "settling.py",
        "        staged.mark(tx, scope.peers, scope.kind, self.fanned)\n",
        "",
        "an edit at one vendor waits in the shop instead of going on to the other",
        stories=(_STORIES + "test_hub.py",),
    ),
    "rows-overwritten-without-their-old-values": Bug(
        "connector/local/writing.py",
        "        guards += [self._dialect.same(bound.value(n), v)"
        " for n, v in write.old.items() if n != KEY]\n",
        "",
        "an edit made in the shop after our look is overwritten",
        seeds=20,
        stories=("tests/docs/test_promise_stories.py", _STORIES + "test_cut_everywhere.py"),
    ),
    "a-no-waits-its-turn": Bug(
        _SYNC + "rounds.py",
        "            self._refusals_first()\n",
        "",
        "a person who opted out gets one more mail",
        seeds=0,
        stories=(_STORIES + "test_hub.py",),
    ),
    "a-settled-create-knows-nothing-of-what-it-left-empty": Bug(
        _SYNC + "recover.py",
        "            wrote_local(settling, job, key, blank(scope, job) | job.draft.set)\n",
        "            wrote_local(settling, job, key, job.draft.set)\n",
        "after a stop a new row's first edit is no edit, and the row goes with the vendor's record",
        seeds=20,
        stories=(_STORIES + "test_late_answers.py",),
    ),
    "a-removal-under-way-has-forgotten-its-base": Bug(
        _SYNC + "send.py",
        "                link.base = agreed  # until",
        "                link.base = None  # until",
        "after a stop a removal is planned again and takes an edit made meanwhile with it",
        seeds=20,
        stories=(_STORIES + "test_late_answers.py",),
    ),
    "an-early-copy-knows-no-scope-to-doubt": Bug(
        _SYNC + "place.py",
        "                store.ensure_scope(tx, name, kind)\n",
        "                pass\n",
        "a state put back from before a connection's first run makes everybody a second time",
        seeds=20,
        stories=(_STORIES + "test_going_back.py",),
    ),
    "a-merged-record-is-nobodys": Bug(
        _SYNC + "tombstones.py",
        "        subject=link.subject,\n",
        "        subject=None,\n",
        "what was merged into a record of somebody who is erased stays in the vendor's bin",
        seeds=0,
        stories=("tests/privacy/test_invariants.py",),
    ),
    "what-is-noted-after-deaths-is-nobodys-partner": Bug(
        _SYNC + "engine.py",
        "        wanted = {side: staged.unclaimed(tx, *where, side) for side in (LOCAL, REMOTE)}\n",
        "        wanted = dict[str, set[str]]()\n",
        "after three deaths a new row is made at a vendor whose record of it waits to be read",
        seeds=0,
        stories=(_STORIES + "test_poison.py",),
    ),
    "the-claims-of-the-dead-are-nobodys": Bug(
        "connector/store/links.py",
        "        _let_claim_anew(tx, connection, kind)\n",
        "        pass\n",
        "who was deleted on both sides and typed in anew on both is there twice",
        seeds=0,
        stories=(_STORIES + "test_meeting.py",),
    ),
    # --- keys ---
    "an-unreadable-base-is-none": Bug(
        _SYNC + "situation.py",
        "        batch.broken += [(row, reason) for row in rows]\n        return reason\n",
        "        return None\n",
        "a person whose key is missing looks like a stranger and is overwritten",
        seeds=0,
        stories=(_STORIES + "test_bad_input.py",),
    ),
    "digest-without-a-key": Bug(
        "connector/privacy/vault.py",
        "        mac.update(lp(link, side) + canonical)\n",
        "        mac = __import__('hashlib').sha256(canonical)\n",
        "whoever holds the state can look a phone number up by its digest",
        seeds=0,
        stories=("tests/unit/test_privacy_vault.py",),
    ),
}
