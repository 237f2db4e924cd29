"""Systems × tasks ─▶ outcomes ─▶ store, in four steps: plan, open, measure, record.

`plan` says what is asked and what the store lacks. `open` gives a trained and proven encoder. `measure` gives the
results of one task and writes nothing. `record` writes to the store. `execute` ties them together: it cuts
the plan into cells and gives them to an engine, which decides where they are carried out.
"""
