-- What each example asked, in words: for people who read what is behind a number. No score depends on it.
CREATE TABLE example_text (
    task       VARCHAR NOT NULL,
    split      VARCHAR NOT NULL,
    subset     VARCHAR NOT NULL,
    revision   VARCHAR NOT NULL,
    example_id VARCHAR NOT NULL,
    shown      VARCHAR NOT NULL
);
