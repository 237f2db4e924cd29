-- `current` marks the one result of its system and task that is compared and shown. Of results in several dtypes or on
-- several devices it is the one in which most systems of its base have the task (a reference: most systems of all), so
-- that like is compared with like; then that with most results, then the newest. In one of them the newest result counts.
DROP VIEW result;
CREATE VIEW result AS
WITH measured AS (
    SELECT s.result, r.system_id, s.run_id, y.base, y.base_revision, y.variant, y.seed, y.kind, y.card_hash, r.suite,
           s.task, s.split, s.subset, s.revision, s.metric, s.task_type, s.score, s.n_examples, s.n_trials, s.seconds,
           s.measured_at, r.dtype, r.device, r.evaluation,
           CASE y.kind WHEN 'reference' THEN '' ELSE y.base || ' ' || y.base_revision END AS ladder
    FROM score s JOIN run r USING (run_id) JOIN system y USING (system_id)
), weighed AS (
    SELECT *,
           CASE ladder WHEN '' THEN count(DISTINCT system_id) OVER (PARTITION BY task, split, subset, dtype, device)
           ELSE count(DISTINCT system_id) OVER (PARTITION BY ladder, task, split, subset, dtype, device) END AS systems,
           count(DISTINCT (system_id, task, split, subset)) OVER (PARTITION BY ladder, dtype, device) AS results,
           max(result) OVER (PARTITION BY ladder, dtype, device) AS latest
    FROM measured
)
SELECT * EXCLUDE (ladder, systems, results, latest),
       result = first_value(result) OVER (
           PARTITION BY system_id, task, split, subset ORDER BY systems DESC, results DESC, latest DESC, result DESC
       ) AS current
FROM weighed;
