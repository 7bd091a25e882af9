-- When a pause ends by itself; NULL when it lasts, and when the deployment is not paused.
ALTER TABLE deployments ADD COLUMN paused_until INTEGER;
CREATE INDEX deployments_by_end_of_pause ON deployments (paused_until, id) WHERE paused_until IS NOT NULL;
