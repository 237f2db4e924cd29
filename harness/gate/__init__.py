"""The regression gate: did a change of the code make a tracked result worse by more than a declared margin?

`regress` measures and judges, `renew` makes new references, `rebuild` makes a database of them. The statistics are
in `judge`, which knows no model, file or store.
"""
