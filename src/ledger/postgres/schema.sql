-- Version 1. Times of steps are RFC 3339 in UTC by the server's clock; orders, intents, outcomes and failures are JSON as
-- docs/ledger.md describes it, kept as the very text that is in the chain.

CREATE SCHEMA IF NOT EXISTS keywright;

CREATE TABLE keywright.ledger (
    version integer NOT NULL
);
INSERT INTO keywright.ledger VALUES (0);

CREATE TABLE keywright.batch (
    id      bigint PRIMARY KEY CHECK (id >= 1),
    opened  text NOT NULL,
    orders  text NOT NULL,
    closed  text
);

-- `state` repeats the last settlement, so that what waits is found at once.
CREATE TABLE keywright.task (
    id      bigint PRIMARY KEY CHECK (id >= 1),
    batch   bigint NOT NULL REFERENCES keywright.batch (id),
    orders  text NOT NULL,
    state   text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed', 'cancelled')),
    serial  text GENERATED ALWAYS AS (orders::json ->> 'serial') STORED
);
CREATE INDEX task_batch ON keywright.task (batch, id);
CREATE INDEX task_waiting ON keywright.task (batch, serial, id) WHERE state = 'waiting';

CREATE TABLE keywright.settlement (
    task    bigint NOT NULL REFERENCES keywright.task (id),
    number  bigint NOT NULL CHECK (number >= 1),
    at      text NOT NULL,
    state   text NOT NULL CHECK (state IN ('waiting', 'done', 'failed', 'cancelled')),
    failure text,
    PRIMARY KEY (task, number),
    CHECK ((state = 'failed') = (failure IS NOT NULL))
);

CREATE TABLE keywright.job (
    id      bigint PRIMARY KEY CHECK (id >= 1),
    opened  text NOT NULL,
    orders  text NOT NULL,
    state   text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'ended')),
    closed  text,
    task    bigint GENERATED ALWAYS AS ((orders::json ->> 'task')::bigint) STORED REFERENCES keywright.task (id),
    owner   text GENERATED ALWAYS AS (lower(orders::json ->> 'userId')) STORED,
    serial  text GENERATED ALWAYS AS
        (coalesce(orders::json -> 'key' ->> 'serial', orders::json -> 'key' ->> 'usbSerial')) STORED,
    CHECK ((state = 'open') = (closed IS NULL))
);
CREATE INDEX job_state ON keywright.job (state, id);
CREATE INDEX job_task ON keywright.job (task, id) WHERE task IS NOT NULL;
CREATE INDEX job_owner ON keywright.job (owner, id);
CREATE INDEX job_serial ON keywright.job (serial, id) WHERE serial IS NOT NULL;

CREATE TABLE keywright.entry (
    job     bigint NOT NULL REFERENCES keywright.job (id),
    number  bigint NOT NULL CHECK (number >= 1),
    at      text NOT NULL,
    intent  text NOT NULL,
    PRIMARY KEY (job, number)
);

CREATE TABLE keywright.outcome (
    job     bigint NOT NULL,
    number  bigint NOT NULL,
    at      text NOT NULL,
    outcome text NOT NULL,
    PRIMARY KEY (job, number),
    FOREIGN KEY (job, number) REFERENCES keywright.entry (job, number)
);

-- Small, and swept as soon as a row of it is dead.
CREATE TABLE keywright.pin (
    job     bigint NOT NULL,
    number  bigint NOT NULL,
    sealed  bytea NOT NULL,
    PRIMARY KEY (job, number),
    FOREIGN KEY (job, number) REFERENCES keywright.entry (job, number)
) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE keywright.link (
    position bigint PRIMARY KEY CHECK (position >= 1),
    kind     text NOT NULL,
    owner    bigint NOT NULL,
    number   bigint NOT NULL,
    hash     bytea NOT NULL CHECK (length(hash) = 32)
);

-- Who works on which job and holds which task, until when by the server's clock. They come and go; they are no part of the record.
CREATE TABLE keywright.claim (
    job     bigint PRIMARY KEY REFERENCES keywright.job (id),
    holder  text NOT NULL,
    until   timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX claim_holder ON keywright.claim (holder);

CREATE TABLE keywright.lease (
    task    bigint PRIMARY KEY REFERENCES keywright.task (id),
    holder  text NOT NULL,
    until   timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX lease_holder ON keywright.lease (holder);

-- What a row may become. The sentence is the trigger's argument.

CREATE FUNCTION keywright.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0]; END $$;

CREATE TRIGGER batch_stays BEFORE DELETE OR TRUNCATE ON keywright.batch
    EXECUTE FUNCTION keywright.refuse('a batch is never deleted');
CREATE TRIGGER batch_closes_once BEFORE UPDATE ON keywright.batch FOR EACH ROW
    WHEN (OLD.closed IS NOT NULL OR NEW.closed IS NULL OR NEW.id <> OLD.id OR NEW.opened <> OLD.opened OR NEW.orders <> OLD.orders)
    EXECUTE FUNCTION keywright.refuse('a batch changes once, when it is closed');

CREATE TRIGGER task_stays BEFORE DELETE OR TRUNCATE ON keywright.task
    EXECUTE FUNCTION keywright.refuse('a task is never deleted');
CREATE TRIGGER task_waits_first BEFORE INSERT ON keywright.task FOR EACH ROW
    WHEN (NEW.state <> 'waiting') EXECUTE FUNCTION keywright.refuse('a new task waits');
CREATE TRIGGER task_as_written BEFORE UPDATE ON keywright.task FOR EACH ROW
    WHEN (NEW.id <> OLD.id OR NEW.batch <> OLD.batch OR NEW.orders <> OLD.orders)
    EXECUTE FUNCTION keywright.refuse('a task is never changed');
CREATE FUNCTION keywright.as_settled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> coalesce(
        (SELECT state FROM keywright.settlement WHERE task = OLD.id ORDER BY number DESC LIMIT 1), 'waiting')
    THEN RAISE EXCEPTION 'a task has the state of its last settlement'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER task_as_settled BEFORE UPDATE ON keywright.task FOR EACH ROW EXECUTE FUNCTION keywright.as_settled();

CREATE FUNCTION keywright.settle_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM keywright.settlement WHERE task = NEW.task)
    THEN RAISE EXCEPTION 'a settlement follows the one before it'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settlement_in_order BEFORE INSERT ON keywright.settlement
    FOR EACH ROW EXECUTE FUNCTION keywright.settle_in_order();
CREATE FUNCTION keywright.settle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE keywright.task SET state = NEW.state WHERE id = NEW.task;
    RETURN NULL;
END $$;
CREATE TRIGGER settlement_counts AFTER INSERT ON keywright.settlement FOR EACH ROW EXECUTE FUNCTION keywright.settle();
CREATE TRIGGER settlement_as_written BEFORE UPDATE OR DELETE OR TRUNCATE ON keywright.settlement
    EXECUTE FUNCTION keywright.refuse('a settlement is never changed and never deleted');

CREATE TRIGGER job_stays BEFORE DELETE OR TRUNCATE ON keywright.job
    EXECUTE FUNCTION keywright.refuse('a job is never deleted');
CREATE TRIGGER job_closes_once BEFORE UPDATE ON keywright.job FOR EACH ROW
    WHEN (OLD.state <> 'open' OR NEW.id <> OLD.id OR NEW.opened <> OLD.opened OR NEW.orders <> OLD.orders)
    EXECUTE FUNCTION keywright.refuse('a job changes once, when it is closed');

CREATE FUNCTION keywright.of_open_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT state FROM keywright.job WHERE id = NEW.job) <> 'open' THEN RAISE EXCEPTION 'the job is closed'; END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION keywright.enter_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM keywright.entry WHERE job = NEW.job)
    THEN RAISE EXCEPTION 'an entry follows the one before it'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER entry_of_open_job BEFORE INSERT ON keywright.entry FOR EACH ROW EXECUTE FUNCTION keywright.of_open_job();
CREATE TRIGGER entry_in_order BEFORE INSERT ON keywright.entry FOR EACH ROW EXECUTE FUNCTION keywright.enter_in_order();
CREATE TRIGGER entry_as_written BEFORE UPDATE OR DELETE OR TRUNCATE ON keywright.entry
    EXECUTE FUNCTION keywright.refuse('an entry is never changed and never deleted');
CREATE TRIGGER outcome_of_open_job BEFORE INSERT ON keywright.outcome FOR EACH ROW EXECUTE FUNCTION keywright.of_open_job();
CREATE TRIGGER outcome_as_written BEFORE UPDATE OR DELETE OR TRUNCATE ON keywright.outcome
    EXECUTE FUNCTION keywright.refuse('an outcome is never changed and never deleted');
CREATE TRIGGER pin_as_written BEFORE UPDATE OR TRUNCATE ON keywright.pin
    EXECUTE FUNCTION keywright.refuse('a sealed PIN is never changed');

CREATE FUNCTION keywright.link_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lowest bigint; highest bigint; added bigint; standing bigint;
BEGIN
    SELECT min(position), max(position), count(*) INTO lowest, highest, added FROM fresh;
    SELECT coalesce(max(position), 0) INTO standing FROM keywright.link WHERE position < lowest;
    IF lowest <> standing + 1 OR highest - lowest + 1 <> added
        OR EXISTS (SELECT FROM keywright.link WHERE position > highest)
    THEN RAISE EXCEPTION 'a link follows the one before it'; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER link_follows AFTER INSERT ON keywright.link REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION keywright.link_in_order();
CREATE TRIGGER link_as_written BEFORE UPDATE OR DELETE OR TRUNCATE ON keywright.link
    EXECUTE FUNCTION keywright.refuse('a link is never changed and never deleted');

-- What a station needs and nothing more: SELECT keywright.admit('role').
CREATE FUNCTION keywright.admit(station name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA keywright TO %I', station);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA keywright TO %I', station);
    EXECUTE format('GRANT INSERT ON keywright.batch, keywright.settlement, keywright.job, keywright.entry, keywright.outcome,
        keywright.pin, keywright.link, keywright.claim, keywright.lease TO %I', station);
    EXECUTE format('GRANT INSERT (id, batch, orders) ON keywright.task TO %I', station);
    EXECUTE format('GRANT UPDATE (closed) ON keywright.batch TO %I', station);
    EXECUTE format('GRANT UPDATE (state) ON keywright.task TO %I', station);
    EXECUTE format('GRANT UPDATE (state, closed) ON keywright.job TO %I', station);
    EXECUTE format('GRANT UPDATE (holder, until), DELETE ON keywright.claim, keywright.lease TO %I', station);
    EXECUTE format('GRANT DELETE ON keywright.pin TO %I', station);
END $$;
REVOKE ALL ON FUNCTION keywright.admit(name) FROM PUBLIC;
