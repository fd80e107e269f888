-- Version 2: batches and their tasks, and the chain over every row that is a step. The program puts the rows of version 1
-- into the chain in the same transaction, job by job.

CREATE TABLE link (
    position INTEGER PRIMARY KEY CHECK (position >= 1),
    kind     TEXT NOT NULL,
    owner    INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE batch (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    opened  TEXT NOT NULL,
    orders  TEXT NOT NULL,
    closed  TEXT
) STRICT;

-- `state` repeats the last settlement, so that what waits is found at once.
CREATE TABLE task (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    batch   INTEGER NOT NULL REFERENCES batch (id),
    orders  TEXT NOT NULL,
    state   TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed', 'cancelled')),
    serial  TEXT AS (CASE WHEN json_valid(orders) THEN CAST(orders ->> '$.serial' AS TEXT) END) VIRTUAL
) STRICT;

CREATE INDEX task_batch ON task (batch, id);
CREATE INDEX task_waiting ON task (batch, serial, id) WHERE state = 'waiting';

CREATE TABLE settlement (
    task    INTEGER NOT NULL REFERENCES task (id),
    number  INTEGER NOT NULL CHECK (number >= 1),
    at      TEXT NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'failed', 'cancelled')),
    failure TEXT,
    PRIMARY KEY (task, number),
    CHECK ((state = 'failed') = (failure IS NOT NULL))
) STRICT;

-- Who holds a lease: one row an opening of the ledger that took one. It lives as long as its lock file is locked.
CREATE TABLE holder (
    id      INTEGER PRIMARY KEY AUTOINCREMENT
) STRICT;

-- Leases come and go; they are no part of the record.
CREATE TABLE lease (
    task    INTEGER PRIMARY KEY REFERENCES task (id),
    holder  INTEGER NOT NULL REFERENCES holder (id)
) STRICT;

CREATE INDEX lease_holder ON lease (holder);

-- Orders that are no JSON are no reason to refuse a ledger here: the row is named when it is read.
ALTER TABLE job ADD COLUMN task INTEGER AS (CASE WHEN json_valid(orders) THEN CAST(orders ->> '$.task' AS INTEGER) END) VIRTUAL;
ALTER TABLE job ADD COLUMN user TEXT AS (CASE WHEN json_valid(orders) THEN lower(orders ->> '$.userId') END) VIRTUAL;
ALTER TABLE job ADD COLUMN serial TEXT AS (CASE WHEN json_valid(orders)
    THEN CAST(coalesce(orders ->> '$.key.serial', orders ->> '$.key.usbSerial') AS TEXT) END) VIRTUAL;

CREATE INDEX job_task ON job (task, id) WHERE task IS NOT NULL;
CREATE INDEX job_user ON job (user, id);
CREATE INDEX job_serial ON job (serial, id) WHERE serial IS NOT NULL;

CREATE TRIGGER link_follows BEFORE INSERT ON link
WHEN NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM link)
BEGIN SELECT RAISE(ABORT, 'a link follows the one before it'); END;

CREATE TRIGGER link_stays BEFORE DELETE ON link
BEGIN SELECT RAISE(ABORT, 'a link is never deleted'); END;

CREATE TRIGGER link_as_written BEFORE UPDATE ON link
BEGIN SELECT RAISE(ABORT, 'a link is never changed'); END;

CREATE TRIGGER batch_opens_once BEFORE INSERT ON batch
WHEN EXISTS (SELECT 1 FROM batch WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'a batch is opened once'); END;

CREATE TRIGGER batch_stays BEFORE DELETE ON batch
BEGIN SELECT RAISE(ABORT, 'a batch is never deleted'); END;

CREATE TRIGGER batch_closes_once BEFORE UPDATE ON batch
WHEN OLD.closed IS NOT NULL OR NEW.closed IS NULL OR NEW.id <> OLD.id OR NEW.opened <> OLD.opened OR NEW.orders <> OLD.orders
BEGIN SELECT RAISE(ABORT, 'a batch changes once, when it is closed'); END;

CREATE TRIGGER task_opens_once BEFORE INSERT ON task
WHEN EXISTS (SELECT 1 FROM task WHERE id = NEW.id) OR NEW.state <> 'waiting'
BEGIN SELECT RAISE(ABORT, 'a task is opened once, and waits'); END;

CREATE TRIGGER task_stays BEFORE DELETE ON task
BEGIN SELECT RAISE(ABORT, 'a task is never deleted'); END;

CREATE TRIGGER task_as_settled BEFORE UPDATE ON task
WHEN NEW.id <> OLD.id OR NEW.batch <> OLD.batch OR NEW.orders <> OLD.orders
    OR NEW.state <> coalesce((SELECT state FROM settlement WHERE task = OLD.id ORDER BY number DESC LIMIT 1), 'waiting')
BEGIN SELECT RAISE(ABORT, 'a task has the state of its last settlement'); END;

CREATE TRIGGER settlement_in_order BEFORE INSERT ON settlement
WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM settlement WHERE task = NEW.task)
BEGIN SELECT RAISE(ABORT, 'a settlement follows the one before it'); END;

CREATE TRIGGER settlement_counts AFTER INSERT ON settlement
BEGIN UPDATE task SET state = NEW.state WHERE id = NEW.task; END;

CREATE TRIGGER settlement_stays BEFORE DELETE ON settlement
BEGIN SELECT RAISE(ABORT, 'a settlement is never deleted'); END;

CREATE TRIGGER settlement_as_written BEFORE UPDATE ON settlement
BEGIN SELECT RAISE(ABORT, 'a settlement is never changed'); END;
