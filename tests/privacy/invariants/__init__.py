"""The twenty invariants of personal data, by area; `test_invariants.py` gathers them."""
