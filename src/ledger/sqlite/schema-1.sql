-- Version 1. Times are RFC 3339 in UTC; orders, intents and outcomes are JSON as docs/ledger.md describes it.

CREATE TABLE job (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    opened  TEXT NOT NULL,
    orders  TEXT NOT NULL,
    state   TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'ended')),
    closed  TEXT,
    CHECK ((state = 'open') = (closed IS NULL))
) STRICT;

CREATE INDEX job_state ON job (state, id);

CREATE TABLE entry (
    job     INTEGER NOT NULL REFERENCES job (id),
    number  INTEGER NOT NULL CHECK (number >= 1),
    at      TEXT NOT NULL,
    intent  TEXT NOT NULL,
    PRIMARY KEY (job, number)
) STRICT;

CREATE TABLE outcome (
    job     INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    at      TEXT NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (job, number),
    FOREIGN KEY (job, number) REFERENCES entry (job, number)
) STRICT;

-- No trigger on DELETE and nothing that refers to it: closing a job empties the table in one sweep, see `close`.
CREATE TABLE pin (
    job     INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    sealed  BLOB NOT NULL,
    PRIMARY KEY (job, number),
    FOREIGN KEY (job, number) REFERENCES entry (job, number)
) STRICT;

-- REPLACE deletes without asking the triggers on DELETE, so those on INSERT refuse a row that is there.

CREATE TRIGGER job_opens_once BEFORE INSERT ON job
WHEN EXISTS (SELECT 1 FROM job WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'a job is opened once'); END;

CREATE TRIGGER job_stays BEFORE DELETE ON job
BEGIN SELECT RAISE(ABORT, 'a job is never deleted'); END;

CREATE TRIGGER job_closes_once BEFORE UPDATE ON job
WHEN OLD.state <> 'open' OR NEW.id <> OLD.id OR NEW.opened <> OLD.opened OR NEW.orders <> OLD.orders
BEGIN SELECT RAISE(ABORT, 'a job changes once, when it is closed'); END;

CREATE TRIGGER entry_of_open_job BEFORE INSERT ON entry
WHEN (SELECT state FROM job WHERE id = NEW.job) <> 'open'
BEGIN SELECT RAISE(ABORT, 'the job is closed'); END;

CREATE TRIGGER entry_in_order BEFORE INSERT ON entry
WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM entry WHERE job = NEW.job)
BEGIN SELECT RAISE(ABORT, 'an entry follows the one before it'); END;

CREATE TRIGGER entry_stays BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'an entry is never deleted'); END;

CREATE TRIGGER entry_as_written BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END;

CREATE TRIGGER outcome_of_open_job BEFORE INSERT ON outcome
WHEN (SELECT state FROM job WHERE id = NEW.job) <> 'open'
BEGIN SELECT RAISE(ABORT, 'the job is closed'); END;

CREATE TRIGGER outcome_once BEFORE INSERT ON outcome
WHEN EXISTS (SELECT 1 FROM outcome WHERE job = NEW.job AND number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'an outcome is recorded once'); END;

CREATE TRIGGER outcome_stays BEFORE DELETE ON outcome
BEGIN SELECT RAISE(ABORT, 'an outcome is never deleted'); END;

CREATE TRIGGER outcome_as_written BEFORE UPDATE ON outcome
BEGIN SELECT RAISE(ABORT, 'an outcome is never changed'); END;

CREATE TRIGGER pin_once BEFORE INSERT ON pin
WHEN EXISTS (SELECT 1 FROM pin WHERE job = NEW.job AND number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'a PIN is sealed once'); END;

CREATE TRIGGER pin_as_written BEFORE UPDATE ON pin
BEGIN SELECT RAISE(ABORT, 'a sealed PIN is never changed'); END;
