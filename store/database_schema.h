/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of database.c and what it asks of them. For no other file. */
#pragma once

/* What takes a database from version i to i + 1. Never changed, only added to. */
static const char *const migrations[] = {
    "CREATE TABLE documents (name TEXT PRIMARY KEY, content BLOB NOT NULL, crc INTEGER NOT NULL);"
    "CREATE TABLE rounds (number INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, stage INTEGER NOT NULL,"
    " closed INTEGER NOT NULL, ended INTEGER NOT NULL, held INTEGER NOT NULL, outcome INTEGER NOT NULL,"
    " opened_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, length_ns INTEGER NOT NULL, updates INTEGER NOT NULL,"
    " invited INTEGER NOT NULL, opened INTEGER NOT NULL, used INTEGER NOT NULL, invalid INTEGER NOT NULL,"
    " refused INTEGER NOT NULL, sat_out INTEGER NOT NULL, margin REAL NOT NULL, model BLOB,"
    " task BLOB, task_crc INTEGER, receipt BLOB, receipt_crc INTEGER);"
    "CREATE TABLE updates (sequence INTEGER PRIMARY KEY, round INTEGER NOT NULL, client BLOB NOT NULL,"
    " blob BLOB NOT NULL, size INTEGER NOT NULL, kept INTEGER NOT NULL, UNIQUE (round, client));"
    "CREATE INDEX kept_updates ON updates (round) WHERE kept;"
    "CREATE TABLE sums (round INTEGER NOT NULL, \"group\" INTEGER NOT NULL, content BLOB NOT NULL,"
    " crc INTEGER NOT NULL, PRIMARY KEY (round, \"group\"));"
    "CREATE TABLE models (digest BLOB PRIMARY KEY, round INTEGER NOT NULL, parent BLOB NOT NULL,"
    " size INTEGER NOT NULL, made_at INTEGER NOT NULL);",

    "ALTER TABLE rounds ADD COLUMN update_bytes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE rounds ADD COLUMN clients INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE rounds ADD COLUMN phases BLOB;",
};

#define STATEMENTS(X)                                                                                                  \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                                        \
    X(COMMIT, "COMMIT")                                                                                                \
    X(ROLLBACK, "ROLLBACK")                                                                                            \
    X(SET_DOCUMENT, "INSERT OR REPLACE INTO documents (name, content, crc) VALUES (?1, ?2, ?3)")                       \
    X(DOCUMENT, "SELECT content, crc FROM documents WHERE name = ?1")                                                  \
    X(DROP_DOCUMENT, "DELETE FROM documents WHERE name = ?1")                                                          \
    X(OPEN_ROUND, "INSERT INTO rounds (number, epoch, stage, opened_at, task, task_crc, closed, ended, held, outcome," \
                  " ended_at, length_ns, updates, invited, opened, used, invalid, refused, sat_out, margin)"           \
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)")                        \
    X(CLOSE_ROUND, "UPDATE rounds SET closed = 1 WHERE number = ?1")                                                   \
    X(END_ROUND, "UPDATE rounds SET closed = 1, ended = 1, held = ?2, outcome = ?3, ended_at = ?4, length_ns = ?5,"    \
                 " updates = ?6, invited = ?7, opened = ?8, used = ?9, invalid = ?10, refused = ?11, sat_out = ?12,"   \
                 " update_bytes = ?13, clients = ?14, margin = ?15, model = ?16, receipt = ?17, receipt_crc = ?18,"    \
                 " phases = ?19 WHERE number = ?1")                                                                    \
    X(ROUNDS, "SELECT number, epoch, stage, closed, ended, held, outcome, opened_at, ended_at, length_ns, updates,"    \
              " invited, opened, used, invalid, refused, sat_out, update_bytes, clients, margin, model, phases"        \
              " FROM rounds WHERE number >= ?1 ORDER BY number")                                                       \
    X(TASK, "SELECT task, task_crc FROM rounds WHERE number = ?1 AND task IS NOT NULL")                                \
    X(RECEIPT, "SELECT receipt, receipt_crc FROM rounds WHERE number = ?1 AND receipt IS NOT NULL")                    \
    X(DROP_FRAMES, "UPDATE rounds SET task = NULL, task_crc = NULL, receipt = NULL, receipt_crc = NULL"                \
                   " WHERE number < ?1 AND task IS NOT NULL")                                                          \
    X(ADD_UPDATE, "INSERT INTO updates (round, client, blob, size, kept) VALUES (?1, ?2, ?3, ?4, 1)")                  \
    X(UPDATES, "SELECT round, client, blob, size, kept FROM updates WHERE round = ?1 ORDER BY sequence")               \
    X(KEPT_UPDATES, "SELECT round, client, blob, size, kept FROM updates WHERE kept ORDER BY sequence")                \
    X(DROP_UPDATE, "DELETE FROM updates WHERE round = ?1 AND client = ?2")                                             \
    X(RELEASE_UPDATES, "UPDATE updates SET kept = 0 WHERE kept AND round < ?1")                                        \
    X(DROP_LINEAGE, "DELETE FROM updates WHERE round < ?1 AND NOT kept")                                               \
    X(ADD_SUMS, "INSERT OR IGNORE INTO sums (round, \"group\", content, crc) VALUES (?1, ?2, ?3, ?4)")                 \
    X(SUMS, "SELECT content, crc FROM sums WHERE round = ?1 AND \"group\" = ?2")                                       \
    X(DROP_SUMS, "DELETE FROM sums WHERE round < ?1")                                                                  \
    X(ADD_MODEL, "INSERT OR IGNORE INTO models (digest, round, parent, size, made_at) VALUES (?1, ?2, ?3, ?4, ?5)")    \
    X(MODELS, "SELECT digest, round, parent, size, made_at FROM models ORDER BY round")                                \
    X(MODEL, "SELECT digest, round, parent, size, made_at FROM models WHERE digest = ?1")                              \
    X(DROP_MODELS, "DELETE FROM models WHERE round NOT IN (SELECT round FROM models ORDER BY round DESC LIMIT ?1)")
