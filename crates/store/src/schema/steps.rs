//! The steps that make one version of the tables out of the one before. Once released, a step is
//! never edited: a change is a new step.

/// Step `n` makes version `n + 1` out of version `n`; an empty file is version 0.
pub(super) const STEPS: [&str; 12] =
    [FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH, EIGHTH, NINTH, TENTH, ELEVENTH, TWELFTH];

/// The first version whose rows have checksums.
pub(super) const WITH_SUMS: u32 = 7;
/// The first version that records which certificates were presented.
pub(super) const WITH_PROVED: u32 = 8;
/// The first version that lists the accounts that have never sent anything.
pub(super) const WITH_UNHEARD: u32 = 10;
/// The first version that counts unread messages.
pub(super) const WITH_UNREAD: u32 = 11;
/// The first version that records when members joined.
pub(super) const WITH_JOINED: u32 = 12;

// `history` indexes the events of each conversation. Messages and other events (`other`) have separate rows, so that a
// query finds its rows directly, with or without the others. A row is a block of ids: the first, and the `rest` as
// described in `index`.
pub(super) const FIRST: &str = "
CREATE TABLE about(
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events(
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    account INTEGER NOT NULL,
    guest INTEGER NOT NULL,
    nick TEXT NOT NULL,
    target TEXT NOT NULL,
    time INTEGER NOT NULL,
    text TEXT NOT NULL,
    tags TEXT NOT NULL
) STRICT;

CREATE TABLE history(
    conversation INTEGER NOT NULL,
    other INTEGER NOT NULL,
    first INTEGER NOT NULL,
    rest BLOB NOT NULL,
    PRIMARY KEY(conversation, other, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE talks(
    account INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    PRIMARY KEY(account, peer)
) STRICT, WITHOUT ROWID;

CREATE TABLE pending(
    account INTEGER NOT NULL,
    event INTEGER NOT NULL,
    PRIMARY KEY(account, event)
) STRICT, WITHOUT ROWID;

CREATE TABLE resends(
    account INTEGER NOT NULL,
    id TEXT NOT NULL,
    event INTEGER NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY(account, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX resends_by_time ON resends(time);

CREATE TABLE accounts(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    salt BLOB NOT NULL,
    iterations INTEGER NOT NULL,
    stored_key BLOB NOT NULL,
    server_key BLOB NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE rooms(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    topic TEXT,
    topic_by TEXT,
    topic_time INTEGER,
    modes TEXT NOT NULL,
    key TEXT,
    member_limit INTEGER
) STRICT;

CREATE TABLE lists(
    room INTEGER NOT NULL,
    position INTEGER NOT NULL,
    mode TEXT NOT NULL,
    mask TEXT NOT NULL,
    set_by TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY(room, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE members(
    room INTEGER NOT NULL,
    account INTEGER NOT NULL,
    op INTEGER NOT NULL,
    voice INTEGER NOT NULL,
    PRIMARY KEY(room, account)
) STRICT, WITHOUT ROWID;
";

// The changes to `events` and `members` rewrite no rows, so a large database migrates as fast as a small one. The first
// bit of `flags` is the old `guest`. The index finds a room's markers when the room ends; moving a marker does not touch
// it.
pub(super) const SECOND: &str = "
ALTER TABLE events RENAME COLUMN guest TO flags;
ALTER TABLE events ADD COLUMN about INTEGER;

ALTER TABLE members ADD COLUMN halfop INTEGER NOT NULL DEFAULT 0;

CREATE TABLE read_markers(
    account INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY(account, conversation)
) STRICT, WITHOUT ROWID;
CREATE INDEX read_markers_by_conversation ON read_markers(conversation);

CREATE TABLE metadata(
    kind INTEGER NOT NULL,
    subject INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY(kind, subject, key)
) STRICT, WITHOUT ROWID;
";

// Looked up by fingerprint; the hub keeps all of them in memory.
pub(super) const THIRD: &str = "
CREATE TABLE certificates(
    fingerprint BLOB PRIMARY KEY,
    account INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

// Older events have no `userhost` and are shown as before.
pub(super) const FOURTH: &str = "
ALTER TABLE events ADD COLUMN userhost TEXT;
";

// The events whose time is earlier than that of the event before them; usually none.
pub(super) const FIFTH: &str = "
CREATE TABLE clock_steps(
    event INTEGER PRIMARY KEY
) STRICT;
";

// From here on `history.other` has more classes; see `flags::class`. An indexing run in progress keeps to the two classes
// that it started with.
const SIXTH: &str = "
INSERT INTO about(key, value) SELECT 'coarse', max(value) FROM about
    WHERE key IN ('indexed', 'indexing') HAVING count(*) > 0;
";

// `add_sums` computes the checksums of existing rows.
const SEVENTH: &str = "
ALTER TABLE events ADD COLUMN sum INTEGER;
ALTER TABLE about ADD COLUMN sum INTEGER;
ALTER TABLE accounts ADD COLUMN sum INTEGER;
ALTER TABLE rooms ADD COLUMN sum INTEGER;
ALTER TABLE lists ADD COLUMN sum INTEGER;
ALTER TABLE members ADD COLUMN sum INTEGER;
ALTER TABLE metadata ADD COLUMN sum INTEGER;
ALTER TABLE read_markers ADD COLUMN sum INTEGER;
ALTER TABLE certificates ADD COLUMN sum INTEGER;
ALTER TABLE talks ADD COLUMN sum INTEGER;
ALTER TABLE pending ADD COLUMN sum INTEGER;
ALTER TABLE resends ADD COLUMN sum INTEGER;
ALTER TABLE history ADD COLUMN sum INTEGER;
ALTER TABLE clock_steps ADD COLUMN sum INTEGER;
";

// Whether an account had presented its certificate was not recorded before. `add_sums_again` computes the new checksums.
const EIGHTH: &str = "
ALTER TABLE certificates ADD COLUMN proved INTEGER NOT NULL DEFAULT 0;
";

// The event after which a member may read a room that hides earlier messages from newcomers; account 0 stands for anyone
// who joins. Whoever has no row may read from the beginning, including all members from older databases.
const NINTH: &str = "
CREATE TABLE reads_from(
    room INTEGER NOT NULL,
    account INTEGER NOT NULL,
    since INTEGER NOT NULL,
    sum INTEGER,
    PRIMARY KEY(room, account)
) STRICT, WITHOUT ROWID;
";

// The accounts that have never sent anything, with the day each was last online; see `add_unheard`.
const TENTH: &str = "
CREATE TABLE unheard(
    account INTEGER PRIMARY KEY,
    day INTEGER NOT NULL,
    sum INTEGER
) STRICT;
";

// A block of `history` now holds the authors of its events, so that nobody's own messages count as unread. `taken_back`
// lists redacted messages, which no longer count; `mentions` lists who is mentioned where. A read marker stores the newest
// event that is not newer than it. `departed` lists the accounts being removed from the events: how far that is done, and
// the last event that can be theirs. `migrate` rebuilds the history.
const ELEVENTH: &str = "
DROP TABLE history;
CREATE TABLE history(
    conversation INTEGER NOT NULL,
    other INTEGER NOT NULL,
    first INTEGER NOT NULL,
    rest BLOB NOT NULL,
    authors BLOB NOT NULL,
    sum INTEGER,
    PRIMARY KEY(conversation, other, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE records(
    kind INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    sum INTEGER,
    PRIMARY KEY(kind, owner, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit(
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    done_by TEXT NOT NULL,
    verb TEXT NOT NULL,
    target TEXT NOT NULL,
    reason TEXT NOT NULL,
    sum INTEGER
) STRICT;

CREATE TABLE mentions(
    account INTEGER NOT NULL,
    conversation INTEGER NOT NULL,
    event INTEGER NOT NULL,
    author INTEGER NOT NULL,
    sum INTEGER,
    PRIMARY KEY(account, conversation, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX mentions_by_event ON mentions(event);

CREATE TABLE taken_back(
    conversation INTEGER NOT NULL,
    event INTEGER NOT NULL,
    author INTEGER NOT NULL,
    sum INTEGER,
    PRIMARY KEY(conversation, event)
) STRICT, WITHOUT ROWID;

CREATE TABLE departed(
    account INTEGER PRIMARY KEY,
    messages INTEGER NOT NULL,
    done INTEGER NOT NULL,
    last INTEGER NOT NULL,
    sum INTEGER
) STRICT;

ALTER TABLE read_markers ADD COLUMN event INTEGER;
";

// The newest event when a member joined; unknown (0) for existing members.
const TWELFTH: &str = "
ALTER TABLE members ADD COLUMN joined INTEGER NOT NULL DEFAULT 0;
";
