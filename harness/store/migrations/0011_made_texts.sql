-- What a cure made of each example, which the system of the result read in its place. No score depends on it.
CREATE TABLE made_text (
    result     INTEGER NOT NULL,
    example_id VARCHAR NOT NULL,
    made       VARCHAR NOT NULL
);
