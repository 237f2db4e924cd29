-- What it took to measure one task in one run: its results share it. NULL: not known on this device.
CREATE TABLE cost (
    run_id       VARCHAR NOT NULL,
    task         VARCHAR NOT NULL,
    seconds      DOUBLE NOT NULL,        -- all of the task: data, reading, probes, scores
    tokens       BIGINT,                 -- that the encoder read; vectors that were kept from an earlier task cost none
    tokens_per_s DOUBLE,                 -- while it read
    peak_bytes   BIGINT,                 -- cuda: most that torch held; cpu: most that the process had in memory
    energy_j     DOUBLE,                 -- of the whole GPU, other processes on it included
    PRIMARY KEY (run_id, task)
);
