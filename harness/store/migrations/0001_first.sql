-- One row a system, run and score; one row an outcome. Times are UTC.
CREATE TABLE system (
    system_id     VARCHAR PRIMARY KEY,
    base          VARCHAR NOT NULL,
    base_revision VARCHAR NOT NULL,
    variant       VARCHAR NOT NULL,
    seed          BIGINT,                -- NULL: nothing random went into the variant
    kind          VARCHAR NOT NULL CHECK (kind IN ('variant', 'baseline')),
    card_hash     VARCHAR NOT NULL,
    recipe        JSON NOT NULL,
    lineage       JSON NOT NULL,
    data          JSON NOT NULL,
    folder        VARCHAR,
    added_at      TIMESTAMP NOT NULL
);

CREATE TABLE run (
    run_id      VARCHAR PRIMARY KEY,
    system_id   VARCHAR NOT NULL,
    suite       VARCHAR NOT NULL,
    dtype       VARCHAR NOT NULL,
    device      VARCHAR NOT NULL,
    evaluation  VARCHAR NOT NULL,
    provenance  JSON NOT NULL,
    mask_proof  JSON,                    -- NULL: not proven, so not ranked
    started_at  TIMESTAMP NOT NULL,
    finished_at TIMESTAMP                -- NULL: under way, or killed; its committed scores count
);

-- `result` grows with every insert, so "newest" does not depend on clocks.
CREATE SEQUENCE result_number;
CREATE TABLE score (
    result     INTEGER PRIMARY KEY,
    run_id     VARCHAR NOT NULL,
    task       VARCHAR NOT NULL,
    split      VARCHAR NOT NULL,
    subset     VARCHAR NOT NULL,
    revision   VARCHAR NOT NULL,
    metric     VARCHAR NOT NULL,
    task_type  VARCHAR NOT NULL,
    score      DOUBLE NOT NULL CHECK (isfinite(score)),
    n_examples INTEGER NOT NULL,
    n_trials   INTEGER NOT NULL,
    seconds    DOUBLE NOT NULL,
    measured_at TIMESTAMP NOT NULL,
    UNIQUE (run_id, task, split, subset)
);

-- Keyed by the number alone: rows of one result lie together, so reading one skips the other row groups.
CREATE TABLE outcome (
    result          INTEGER NOT NULL,
    example_id      VARCHAR NOT NULL,
    unit            VARCHAR NOT NULL,
    trial           INTEGER NOT NULL,
    layer           INTEGER,
    position        INTEGER,
    gold_label      VARCHAR,
    predicted_label VARCHAR,
    gold_score      DOUBLE,
    predicted_score DOUBLE
);

-- Every score with what was measured; `current` marks the newest of its system and task.
CREATE VIEW result AS
SELECT s.result, r.system_id, s.run_id, y.base, y.base_revision, y.variant, y.seed, y.kind, y.card_hash, r.suite,
       s.task, s.split, s.subset, s.revision, s.metric, s.task_type, s.score, s.n_examples, s.n_trials, s.seconds,
       s.measured_at, r.dtype, r.device, r.evaluation,
       s.result = max(s.result) OVER (PARTITION BY r.system_id, s.task, s.split, s.subset) AS current
FROM score s JOIN run r USING (run_id) JOIN system y USING (system_id);
