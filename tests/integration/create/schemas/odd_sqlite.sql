-- What is odd in a database of SQLite.
CREATE TABLE artist (id INTEGER PRIMARY KEY, name NVARCHAR(20) NOT NULL DEFAULT 'it''s', born DATE, fee MONEY, data, "when" DATETIME DEFAULT CURRENT_TIMESTAMP);
-- A reference that names no column, and no case.
CREATE TABLE Song (Id integer PRIMARY KEY AUTOINCREMENT, ARTIST_ID int REFERENCES ARTIST ON DELETE CASCADE, title text UNIQUE, loud AS (upper(title)) STORED);
CREATE TABLE "it's" (id INTEGER PRIMARY KEY, "say ""hi""" text, "$" int);
CREATE TABLE lost (id INTEGER PRIMARY KEY, gone_id int REFERENCES gone(id));
CREATE TABLE log (at text, what text);
CREATE TABLE by_code (code text NOT NULL, region text NOT NULL, name text, UNIQUE (region, code));
CREATE TABLE account (id INTEGER PRIMARY KEY, email text COLLATE NOCASE UNIQUE, password text NOT NULL, api_key text, token_expires_at DATETIME);
CREATE UNIQUE INDEX account_lower ON account (lower(email));
CREATE UNIQUE INDEX account_some ON account (api_key) WHERE api_key IS NOT NULL;
CREATE TABLE pair (b int, a int, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE strict_one (id INTEGER PRIMARY KEY, any_value ANY, n INT, r REAL, t TEXT, b BLOB) STRICT;
CREATE VIRTUAL TABLE song_search USING fts5(title, content='');
-- What SQLite itself cannot read any more: a view of what is gone, and a table of a module that is not there.
CREATE TABLE departed (id INTEGER PRIMARY KEY);
CREATE VIEW stale AS SELECT * FROM departed;
DROP TABLE departed;
PRAGMA writable_schema = ON;
INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('table', 'foreign_data', 'foreign_data', 0, 'CREATE VIRTUAL TABLE foreign_data USING no_module(a)');
PRAGMA writable_schema = RESET;
CREATE VIEW loud_songs AS SELECT id, loud FROM Song;
CREATE TABLE mutation (id INTEGER PRIMARY KEY);
CREATE TABLE "order" (id INTEGER PRIMARY KEY, "group" text, "where" text, "or" int);
CREATE TABLE gen (id INTEGER PRIMARY KEY, gen int REFERENCES mutation, gen_id int REFERENCES gen);
CREATE TABLE of_13 (c1 int, c2 int, c3 int, c4 int, c5 int, c6 int, c7 int, c8 int, c9 int, c10 int, c11 int, c12 int, c13 int, PRIMARY KEY (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13));
CREATE TABLE wide (id INTEGER PRIMARY KEY, c1 int, c2 int, c3 int, c4 int, c5 int, c6 int, c7 int, c8 int, c9 int, c10 int, c11 int, c12 int, c13 int, UNIQUE (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13));
CREATE TABLE wide_ref (id INTEGER PRIMARY KEY, c1 int, c2 int, c3 int, c4 int, c5 int, c6 int, c7 int, c8 int, c9 int, c10 int, c11 int, c12 int, c13 int, FOREIGN KEY (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13) REFERENCES wide (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13));
-- Names of columns that come to one when they are put together.
CREATE TABLE together (id INTEGER PRIMARY KEY, a int, b_c int, a_b int, c int, x int, y int, UNIQUE (a, b_c), UNIQUE (a_b, c));
CREATE UNIQUE INDEX a_b_c ON together (x, y);
-- UUIDs as text and as bytes.
CREATE TABLE by_uuid (id uuid PRIMARY KEY, parent uuid REFERENCES by_uuid, label guid);
INSERT INTO by_uuid VALUES ('6f1c1a4e-0000-4000-8000-000000000001', NULL, NULL);
CREATE TABLE by_bytes (id uuid PRIMARY KEY, other_id uuid REFERENCES by_bytes, late uuid_text);
INSERT INTO by_bytes VALUES (x'6f1c1a4e000040008000000000000001', NULL, NULL);
