"""The sync engine. A run takes each scope (one kind at one connection) through these steps.

One run: `run`, from `setup` and `ports`; `place` and `clocks` see that it may; `opening` makes each
`scope`, with the fields that `drift` leaves it; `rounds` takes all from step to step, `engine` one
connection; `pausing`, `ended`, `upkeep` and `report` frame it.

Seeing, before anything is decided: the shop by `noticing` (`pages`, `older_rows`, `badrows`), the
vendor by `observe` (`reading`; `direct` at a first read), all ids by `sweep`, whole records by
`compare`; `news` says what of it is new, `staging` seals it.

Gathering what decisions depend on: `situation`, from `looked`, `parents` and `subjects`.

Deciding, pure: `plan` chooses by the `decision`'s words. **The merge rule is `merge`**; `fields`
asks it of each unit and `drafting` makes writes of what it says. `halves` and `partners`: known on
one side only. `gone`: missing on one. `references`, `consents`, `origins` and `competing` serve it.

Carrying out: `queue` and `carrying` in batches; `notes`, `relinking`, `successors`, `tombstones`,
`marks` and `documents` are what the state learns of it.

Sending: `outgoing` and `work` make a write ready, `send` stores and sends it (`loads`: by a job),
`answers` and `settling` end it, `recover` looks what became of one without an answer; `refusals`
go first, `attempts` counts beginnings, `pretend` only plans.

Privacy: `gate` asks the policy and `rulings` asks it for a batch; `standins`, `suppressed`, `kin`,
`terms`, `expiry`, `retaining`, `rebasing`, `renewed`, `replay`, `disclosed` and `showing`.

For people: `letters`, `review`, `status`, `budgets`, `causes`, `counts`, `moments`, `resync`,
`audit`; `reconcile` after a restore, `adopt` for an id map, `beside` for work on one person.
"""
