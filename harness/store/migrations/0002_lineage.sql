-- What made a system, and what its training data shares with the tasks it is measured on.
CREATE TABLE stage (
    digest   VARCHAR PRIMARY KEY,        -- as in system.lineage
    kind     VARCHAR NOT NULL,
    manifest JSON NOT NULL,              -- stage.json: recipe, data, loss curve, seconds, hash of the weights
    added_at TIMESTAMP NOT NULL
);

-- A row with n_shared = 0 says that it was counted; no row says that it was not.
CREATE TABLE overlap (
    stage    VARCHAR NOT NULL,
    source   VARCHAR NOT NULL,           -- the data set
    task     VARCHAR NOT NULL,
    revision VARCHAR NOT NULL,
    how      VARCHAR NOT NULL CHECK (how IN ('measured', 'declared')),
    n_texts  INTEGER,                    -- distinct texts of the task; NULL: declared
    n_shared INTEGER,                    -- of these, how many the stage was trained on
    note     VARCHAR NOT NULL,
    added_at TIMESTAMP NOT NULL,
    CHECK ((how = 'measured') = (n_texts IS NOT NULL AND n_shared IS NOT NULL)),
    PRIMARY KEY (stage, task, revision, how, source, note)
);
