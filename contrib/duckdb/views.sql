-- Rows of respsniff on one machine: files fleet/*.conns.ndjson, fleet/*.pairs.ndjson and fleet/*.findings.ndjson, the last of
-- 'analyze -o ndjson'. The columns are named, so that a file without an optional field reads like any other. Times are UTC.
CREATE OR REPLACE VIEW conns AS SELECT * FROM read_json('fleet/*.conns.ndjson', format = 'newline_delimited',
  columns = {run: 'VARCHAR', host: 'VARCHAR', file: 'VARCHAR', conn: 'BIGINT', flow: 'VARCHAR', client: 'VARCHAR', server: 'VARCHAR',
    first: 'TIMESTAMP', last: 'TIMESTAMP', start: 'VARCHAR', "end": 'VARCHAR', commands: 'BIGINT', replies: 'BIGINT', policy: 'VARCHAR',
    library: 'VARCHAR', version: 'VARCHAR', read_timeout_ms: 'DOUBLE', dirty: 'BOOLEAN', behind: 'BIGINT', lost_bytes: 'BIGINT',
    findings: 'VARCHAR[]'});

CREATE OR REPLACE VIEW pairs AS SELECT * FROM read_json('fleet/*.pairs.ndjson', format = 'newline_delimited',
  columns = {run: 'VARCHAR', host: 'VARCHAR', file: 'VARCHAR', conn: 'BIGINT', flow: 'VARCHAR', client: 'VARCHAR', server: 'VARCHAR',
    index: 'BIGINT', command: 'VARCHAR', key: 'VARCHAR', frame: 'BIGINT', time: 'TIMESTAMP', outstanding: 'BIGINT', flags: 'VARCHAR[]',
    serves: 'STRUCT("index" BIGINT, frame BIGINT, time TIMESTAMP, kind VARCHAR, bytes BIGINT, error VARCHAR)',
    believes: 'STRUCT("index" BIGINT, confidence VARCHAR)'});

CREATE OR REPLACE VIEW findings AS SELECT * EXCLUDE type FROM read_json('fleet/*.findings.ndjson', format = 'newline_delimited',
  columns = {type: 'VARCHAR', run: 'VARCHAR', host: 'VARCHAR', rule: 'VARCHAR', name: 'VARCHAR', severity: 'VARCHAR',
    confidence: 'VARCHAR', title: 'VARCHAR', fingerprint: 'VARCHAR', incident: 'BIGINT', client: 'VARCHAR', server: 'VARCHAR',
    library: 'VARCHAR', policy: 'VARCHAR', first: 'TIMESTAMP', last: 'TIMESTAMP', count: 'BIGINT', connections: 'BIGINT',
    remedy: 'JSON'}) WHERE type = 'finding';

CREATE OR REPLACE VIEW incidents AS SELECT * EXCLUDE type FROM read_json('fleet/*.findings.ndjson', format = 'newline_delimited',
  columns = {type: 'VARCHAR', run: 'VARCHAR', host: 'VARCHAR', id: 'BIGINT', fingerprint: 'VARCHAR', verdict: 'JSON', rule: 'VARCHAR',
    severity: 'VARCHAR', confidence: 'VARCHAR', title: 'VARCHAR', clients: 'VARCHAR[]', servers: 'VARCHAR[]', library: 'VARCHAR',
    first: 'TIMESTAMP', last: 'TIMESTAMP', calls: 'BIGINT', connections: 'BIGINT', open_connections: 'BIGINT',
    saw: 'MAP(VARCHAR, BIGINT)', commands: 'JSON'}) WHERE type = 'incident';

-- A connection that two hosts recorded: one row for both ends. The end at which replies take longer is nearer to the client.
CREATE OR REPLACE VIEW both_ends AS
WITH matched AS (
  SELECT a.run AS run_a, a.host AS host_a, a.conn AS conn_a, b.run AS run_b, b.host AS host_b, b.conn AS conn_b, a.flow, a.client, a.server
  FROM conns AS a JOIN conns AS b ON a.flow = b.flow AND a.host < b.host
    AND a.first <= b.last + INTERVAL 1 SECOND AND b.first <= a.last + INTERVAL 1 SECOND
), calls AS (
  SELECT m.*, x.index, date_diff('microsecond', x.time, x.serves.time) AS took_a, date_diff('microsecond', y.time, y.serves.time) AS took_b,
    x.serves IS NOT NULL AND y.serves IS NOT NULL AS answered,
    coalesce(x.believes.index <> x.index, false) AS misread_a, coalesce(y.believes.index <> y.index, false) AS misread_b
  FROM matched AS m
  JOIN pairs AS x ON x.run = m.run_a AND x.host = m.host_a AND x.conn = m.conn_a
  JOIN pairs AS y ON y.run = m.run_b AND y.host = m.host_b AND y.conn = m.conn_b AND y.index = x.index
), sided AS (
  SELECT *, coalesce(sum(took_a - took_b) FILTER (answered) OVER (PARTITION BY run_a, host_a, conn_a, run_b, host_b, conn_b), 0) >= 0 AS a_is_near FROM calls
)
SELECT flow, client, server, if(a_is_near, host_a, host_b) AS near, if(a_is_near, host_b, host_a) AS far, count(*) AS calls,
  count(*) FILTER (misread_a AND misread_b) AS misread_by_both,
  count(*) FILTER (if(a_is_near, misread_a AND NOT misread_b, misread_b AND NOT misread_a)) AS misread_by_near,
  count(*) FILTER (if(a_is_near, misread_b AND NOT misread_a, misread_a AND NOT misread_b)) AS misread_by_far,
  quantile_disc(abs(took_a - took_b), 0.5) FILTER (answered) AS network_us, quantile_disc(least(took_a, took_b), 0.5) FILTER (answered) AS server_us
FROM sided GROUP BY run_a, host_a, conn_a, run_b, host_b, conn_b, flow, client, server, a_is_near;

-- The same fault over hosts, runs and days: its fingerprint is of its class, its rule and its library.
CREATE OR REPLACE VIEW incidents_merged AS
SELECT fingerprint, any_value(verdict ->> '$') AS verdict, any_value(rule) AS rule, any_value(library) AS library, count(DISTINCT host) AS hosts,
  count(DISTINCT first::DATE) AS days, count(DISTINCT (run, host)) AS runs, sum(calls)::BIGINT AS calls, sum(connections)::BIGINT AS connections,
  len(list_distinct(flatten(list(clients)))) AS clients, min(first) AS since, max(last) AS until, arg_max(title, calls) AS worst
FROM incidents GROUP BY fingerprint;

-- Calls that got another call's reply, with the key whose value they got instead.
CREATE OR REPLACE VIEW victims AS
SELECT v.run, v.host, v.time, v.client, v.server, v.command, coalesce(v.key, '') AS key, g.command AS got_command,
  coalesce(g.key, '') AS got_key, v.believes.confidence AS confidence
FROM pairs AS v LEFT JOIN pairs AS g ON g.run = v.run AND g.host = v.host AND g.conn = v.conn AND g.index = v.believes.index
WHERE v.believes.index <> v.index;
