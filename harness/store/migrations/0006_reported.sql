-- What mteb reports of a result beside its main score, as it writes it; no row for a task that is not mteb's.
CREATE TABLE reported (
    result INTEGER PRIMARY KEY,
    scores JSON NOT NULL
);
