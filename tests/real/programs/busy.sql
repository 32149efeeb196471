-- Tables, indexes, triggers and a large sort; the same rows each time.
-- SPDX-License-Identifier: MIT
PRAGMA page_size = 4096;
PRAGMA cache_size = 50;
CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, v INTEGER);
CREATE TABLE log (id INTEGER, what TEXT);
CREATE TRIGGER t_deleted AFTER DELETE ON t BEGIN INSERT INTO log VALUES (old.id, 'deleted'); END;
BEGIN;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO t SELECT i, printf('key-%05d', (i * 7919) % 10007), (i * i) % 1009 FROM n;
COMMIT;
CREATE INDEX t_k ON t (k);
CREATE INDEX t_v ON t (v, k);
SELECT count(*), sum(v), min(k), max(k) FROM t;
SELECT v, count(*), group_concat(id) FROM (SELECT * FROM t WHERE v < 5 ORDER BY id) GROUP BY v;
SELECT a.k, count(*) FROM t a JOIN t b ON a.v = b.v AND b.id < 200 GROUP BY a.k ORDER BY 2 DESC, 1 LIMIT 10;
DELETE FROM t WHERE id % 3 = 0;
SELECT count(*), (SELECT count(*) FROM log) FROM t;
SELECT json_group_array(json_object('k', k, 'v', v)) FROM (SELECT k, v FROM t ORDER BY k LIMIT 50);
BEGIN;
DELETE FROM t;
ROLLBACK;
UPDATE t SET k = upper(k) WHERE v > 900;
SELECT count(*) FROM t WHERE k LIKE 'KEY%';
VACUUM;
PRAGMA integrity_check;
