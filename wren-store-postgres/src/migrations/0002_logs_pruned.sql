-- Whether what the run printed was deleted, as old logs are before their runs.
ALTER TABLE progress ADD COLUMN logs_pruned boolean NOT NULL DEFAULT false;
