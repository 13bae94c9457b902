/** The first schema. A released migration is never edited: a change is the next number. */
import type { Migration } from "./migrate.ts";

/**
 * Clear are counts, times, states and our own conversation numbers. Whatever names a peer, a conversation, a topic or an
 * envelope is sealed; where it must be found again, a keyed hash (`…_tag`) stands beside it. Tables grow at their end
 * and indexes are few: random writes cost more than anything else here.
 */
export const first: Migration = {
  number: 1,
  up(database) {
    database.exec(`
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- How often the database has changed, and whether the file that says so too was ever written.
CREATE TABLE change_counter (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  id TEXT NOT NULL,
  changes INTEGER NOT NULL CHECK (changes >= 0),
  has_file INTEGER NOT NULL CHECK (has_file IN (0, 1))
) STRICT;

CREATE TABLE conversation (
  number INTEGER PRIMARY KEY CHECK (number >= 0),
  id_tag BLOB NOT NULL UNIQUE,
  type TEXT NOT NULL,
  revision INTEGER NOT NULL CHECK (revision > 0),
  closed INTEGER NOT NULL CHECK (closed IN (0, 1)),
  created_at_ms INTEGER NOT NULL,
  id BLOB NOT NULL,
  name BLOB,
  -- How long its messages are kept, when it has a time of its own.
  expire_ms INTEGER CHECK (expire_ms > 0),
  state BLOB NOT NULL
) STRICT;
CREATE INDEX conversation_expiry ON conversation (number) WHERE expire_ms IS NOT NULL;

CREATE TABLE record (
  conversation INTEGER NOT NULL REFERENCES conversation,
  key_tag BLOB NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (conversation, key_tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE timer (
  conversation INTEGER NOT NULL REFERENCES conversation,
  name TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  -- 0 fires when it is due; 1 an acknowledgement, 2 anything else that needs a token of the share.
  needs INTEGER NOT NULL DEFAULT 0 CHECK (needs BETWEEN 0 AND 2),
  -- 1 stands for a date, which setting the clock does not move.
  is_date INTEGER NOT NULL DEFAULT 0 CHECK (is_date IN (0, 1)),
  -- Not null: no timer, but a word that another conversation left for this one.
  data BLOB,
  PRIMARY KEY (conversation, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (at_ms);
CREATE INDEX timer_token ON timer (needs, at_ms) WHERE needs > 0;

-- Publications of the last window of the network's quota, and when the bucket of the share is full again.
CREATE TABLE spent (
  id INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE share (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  full_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE contact (
  address_tag BLOB PRIMARY KEY,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
  row_id INTEGER PRIMARY KEY,
  conversation INTEGER NOT NULL REFERENCES conversation,
  id_tag BLOB NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 5),
  -- When it came or was given; null once its content has been deleted.
  at_ms INTEGER,
  body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_id ON message (id_tag, conversation);
CREATE INDEX message_conversation ON message (conversation);
CREATE INDEX message_age ON message (conversation, at_ms) WHERE at_ms IS NOT NULL;
-- What the operator is shown: few at any time.
CREATE INDEX message_queued ON message (row_id) WHERE state = 0;

CREATE TABLE event (
  seq INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  type TEXT NOT NULL,
  conversation INTEGER REFERENCES conversation,
  message INTEGER,
  data BLOB
) STRICT;
-- What a trace of one message reads. Messages are announced in the order of their rows, so it grows at its end.
CREATE INDEX event_message ON event (message) WHERE message IS NOT NULL;
-- The next seq is the largest plus one: without the newest row a number would be given twice.
CREATE TRIGGER event_newest_stays BEFORE DELETE ON event
WHEN old.seq = (SELECT max(seq) FROM event)
BEGIN SELECT RAISE(ABORT, 'the newest event numbers the next one'); END;

-- The name is a word of the operator for a program on this machine: it names no peer.
CREATE TABLE consumer (
  name TEXT PRIMARY KEY,
  acked_seq INTEGER NOT NULL CHECK (acked_seq >= 0),
  created_at_ms INTEGER NOT NULL,
  acked_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: an id that a loop still holds must not come to mean another row.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation INTEGER NOT NULL REFERENCES conversation,
  purpose INTEGER NOT NULL CHECK (purpose BETWEEN 0 AND 3),
  -- 0 waits for an older row of its conversation; 1 is an invite, 2 has a token of the share, 3 is content that may leave.
  queue INTEGER NOT NULL CHECK (queue BETWEEN 0 AND 3),
  attempts INTEGER NOT NULL,
  due_at_ms INTEGER NOT NULL,
  queued_at_ms INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (queue, due_at_ms) WHERE queue > 0;
CREATE INDEX outbox_order ON outbox (conversation) WHERE purpose < 2;

CREATE TABLE publication (
  message INTEGER PRIMARY KEY REFERENCES message ON DELETE CASCADE,
  conversation INTEGER NOT NULL REFERENCES conversation,
  looks INTEGER NOT NULL,
  times INTEGER NOT NULL,
  due_at_ms INTEGER,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX publication_due ON publication (due_at_ms) WHERE due_at_ms IS NOT NULL;

CREATE TABLE parked (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation INTEGER NOT NULL REFERENCES conversation,
  hash_tag BLOB NOT NULL,
  error_code TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  parked_at_ms INTEGER NOT NULL,
  due_at_ms INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX parked_hash ON parked (conversation, hash_tag);
CREATE INDEX parked_due ON parked (due_at_ms);

CREATE TABLE seen (
  id INTEGER PRIMARY KEY,
  hash_tag BLOB NOT NULL UNIQUE,
  at_ms INTEGER NOT NULL,
  hash BLOB NOT NULL
) STRICT;

CREATE TABLE cursor (
  topic_tag BLOB PRIMARY KEY,
  through_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: the id stands in the secret itself and must not come to mean another token.
CREATE TABLE token (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE idempotency (
  key_tag BLOB PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  answer BLOB NOT NULL
) STRICT, WITHOUT ROWID;
`);
  },
};
