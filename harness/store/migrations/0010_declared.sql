-- What the card of a task declared before it was measured, in the unit of its score. NULL: nothing.
CREATE TABLE declared (
    task     VARCHAR NOT NULL,
    revision VARCHAR NOT NULL,
    margin   DOUBLE,             -- differences up to it count as none
    chance   DOUBLE,             -- what a guess scores
    PRIMARY KEY (task, revision)
);
