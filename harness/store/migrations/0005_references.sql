-- A third kind of system: a model that is measured as it is. DuckDB cannot change a CHECK, so the table is made anew.
CREATE TABLE system_anew (
    system_id     VARCHAR PRIMARY KEY,
    base          VARCHAR NOT NULL,      -- empty: of no base
    base_revision VARCHAR NOT NULL,      -- of a reference: SHA-256 of its files
    variant       VARCHAR NOT NULL,
    seed          BIGINT,                -- NULL: nothing random went into the variant
    kind          VARCHAR NOT NULL CHECK (kind IN ('variant', 'baseline', 'reference')),
    card_hash     VARCHAR NOT NULL,
    recipe        JSON NOT NULL,
    lineage       JSON NOT NULL,
    data          JSON NOT NULL,
    folder        VARCHAR,
    added_at      TIMESTAMP NOT NULL
);
INSERT INTO system_anew SELECT * FROM system;
DROP TABLE system;
ALTER TABLE system_anew RENAME TO system;
