-- Scores of one system computed in several ways: what moves although nothing changed. No results.
CREATE TABLE noise_floor (
    system_id   VARCHAR NOT NULL,
    task        VARCHAR NOT NULL,
    split       VARCHAR NOT NULL,
    subset      VARCHAR NOT NULL,
    revision    VARCHAR NOT NULL,
    metric      VARCHAR NOT NULL,
    dtype       VARCHAR NOT NULL,
    device      VARCHAR NOT NULL,
    scores      JSON NOT NULL,           -- score by what was varied
    floor       DOUBLE NOT NULL CHECK (isfinite(floor) AND floor >= 0),
    measured_at TIMESTAMP NOT NULL,
    PRIMARY KEY (system_id, task, split, subset, revision, metric, dtype, device)
);
