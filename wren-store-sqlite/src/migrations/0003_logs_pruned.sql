-- Whether what the run printed was deleted, as old logs are before their runs.
ALTER TABLE runs ADD COLUMN logs_pruned INTEGER NOT NULL DEFAULT 0;
