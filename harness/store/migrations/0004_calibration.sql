-- The reports of `harness calibrate`, as JSON (harness.stats.Report); the newest is shown on the page.
CREATE TABLE calibration (
    report  JSON NOT NULL,
    made_at TIMESTAMP NOT NULL
);
