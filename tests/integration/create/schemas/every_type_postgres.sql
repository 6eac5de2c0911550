CREATE TYPE mood AS ENUM ('sad', 'so-so', 'very happy', '3d', '', 'Self', '男', 'SO_SO');
CREATE TYPE plain_mood AS ENUM ('ok', 'so so', '3d', '');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN price AS numeric(12,3);
CREATE DOMAIN positive_price AS price CHECK (VALUE > 0);
CREATE DOMAIN feeling AS mood;
CREATE EXTENSION ltree; CREATE EXTENSION citext; CREATE EXTENSION hstore;
CREATE SCHEMA other;
CREATE TYPE other.mood AS ENUM ('x', 'y');
CREATE TABLE every_type (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  t_smallint smallint NOT NULL DEFAULT 7, t_integer integer, t_bigint bigint,
  t_numeric numeric, t_numeric_10_2 numeric(10,2) NOT NULL DEFAULT 1.5, t_numeric_neg numeric(3,-2), t_numeric_5 numeric(5),
  t_real real, t_double double precision, t_smallserial smallserial, t_serial serial, t_bigserial bigserial,
  t_money money, t_varchar varchar, t_varchar_20 varchar(20), t_char char, t_char_3 char(3), t_text text, t_bpchar bpchar,
  t_name name, t_internal_char "char", t_citext citext, t_bytea bytea,
  t_timestamp timestamp, t_timestamp_3 timestamp(3), t_timestamptz timestamptz NOT NULL DEFAULT now(),
  t_date date, t_time time, t_timetz timetz, t_interval interval, t_interval_ym interval year to month,
  t_boolean boolean NOT NULL DEFAULT false, t_mood mood, t_mood_default mood NOT NULL DEFAULT 'so-so', t_other_mood other.mood,
  t_point point, t_line line, t_lseg lseg, t_box box, t_path path, t_polygon polygon, t_circle circle,
  t_cidr cidr, t_inet inet, t_macaddr macaddr, t_macaddr8 macaddr8,
  t_bit bit, t_bit_5 bit(5), t_varbit bit varying, t_varbit_9 bit varying(9),
  t_tsvector tsvector, t_tsquery tsquery, t_uuid uuid DEFAULT gen_random_uuid(), t_xml xml, t_json json, t_jsonb jsonb,
  t_jsonpath jsonpath,
  t_int4range int4range, t_int8range int8range, t_numrange numrange, t_tsrange tsrange, t_tstzrange tstzrange, t_daterange daterange,
  t_int4multirange int4multirange, t_nummultirange nummultirange, t_datemultirange datemultirange,
  t_oid oid, t_regclass regclass, t_regproc regproc, t_regtype regtype, t_xid xid, t_xid8 xid8, t_cid cid, t_tid tid, t_pg_lsn pg_lsn,
  t_pg_snapshot pg_snapshot, t_txid_snapshot txid_snapshot,
  t_price price, t_positive_price positive_price, t_feeling feeling, t_pair pair, t_ltree ltree, t_lquery lquery, t_hstore hstore,
  a_smallint smallint[], a_integer integer[] NOT NULL DEFAULT '{}', a_bigint bigint[], a_numeric numeric(10,2)[], a_real real[], a_double double precision[],
  a_text text[], a_varchar varchar(5)[], a_char char(3)[], a_bytea bytea[], a_timestamp timestamp[], a_timestamptz timestamptz[], a_date date[], a_time time[],
  a_boolean boolean[], a_mood mood[], a_uuid uuid[], a_json json[], a_jsonb jsonb[], a_inet inet[], a_point point[], a_interval interval[], a_money money[], a_range int4range[],
  a_price price[], a_pair pair[], a_two integer[][], a_citext citext[], a_timetz timetz[], a_name name[],
  t_plain plain_mood NOT NULL DEFAULT 'ok', a_plain plain_mood[],
  g_total numeric GENERATED ALWAYS AS (t_numeric * 2) STORED,
  "Weird Name" text, "type" text, "self" text, "2nd" text, "имя" text, "select" text, "a_b" int, "aB" int, "and" int, "quo""te" text, "$" text
);
COMMENT ON TABLE every_type IS 'A table of "all" types; a comment';
COMMENT ON COLUMN every_type.t_text IS 'Says \ something "quoted"
on two lines';
