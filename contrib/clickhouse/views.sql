-- A connection that two hosts recorded: one row for both ends. The end at which replies take longer is nearer to the client.
CREATE OR REPLACE VIEW both_ends AS
WITH matched AS (
  SELECT a.run AS run_a, a.host AS host_a, a.conn AS conn_a, b.run AS run_b, b.host AS host_b, b.conn AS conn_b, a.flow AS flow,
    a.client AS client, a.server AS server
  FROM conns AS a JOIN conns AS b ON a.flow = b.flow
  WHERE a.host < b.host AND a.first <= b.last + INTERVAL 1 SECOND AND b.first <= a.last + INTERVAL 1 SECOND
), calls AS (
  SELECT m.run_a AS run_a, m.host_a AS host_a, m.conn_a AS conn_a, m.run_b AS run_b, m.host_b AS host_b, m.conn_b AS conn_b, m.flow AS flow,
    m.client AS client, m.server AS server,
    dateDiff('microsecond', x.time, x.serves.time) AS took_a, dateDiff('microsecond', y.time, y.serves.time) AS took_b,
    x.serves.frame > 0 AND y.serves.frame > 0 AS answered,
    x.believes.`index` NOT IN (0, x.`index`) AS misread_a, y.believes.`index` NOT IN (0, y.`index`) AS misread_b
  FROM matched AS m
  JOIN pairs AS x ON x.run = m.run_a AND x.host = m.host_a AND x.conn = m.conn_a
  JOIN pairs AS y ON y.run = m.run_b AND y.host = m.host_b AND y.conn = m.conn_b AND y.`index` = x.`index`
)
SELECT flow, client, server, sumIf(took_a - took_b, answered) >= 0 AS a_is_near, if(a_is_near, host_a, host_b) AS near,
  if(a_is_near, host_b, host_a) AS far, count() AS calls, countIf(misread_a AND misread_b) AS misread_by_both,
  countIf(misread_a AND NOT misread_b) AS misread_by_a, countIf(misread_b AND NOT misread_a) AS misread_by_b,
  if(a_is_near, misread_by_a, misread_by_b) AS misread_by_near, if(a_is_near, misread_by_b, misread_by_a) AS misread_by_far,
  medianExactLowIf(abs(took_a - took_b), answered) AS network_us, medianExactLowIf(least(took_a, took_b), answered) AS server_us
FROM calls GROUP BY run_a, host_a, conn_a, run_b, host_b, conn_b, flow, client, server;

-- The same fault over hosts, runs and days: its fingerprint is of its class, its rule and its library.
CREATE OR REPLACE VIEW incidents_merged AS
SELECT i.fingerprint AS fingerprint, any(i.verdict) AS verdict, any(i.rule) AS rule, any(i.library) AS library, uniqExact(i.host) AS hosts,
  uniqExact(toDate(i.first)) AS days, uniqExact(i.run, i.host) AS runs, sum(i.calls) AS calls, sum(i.connections) AS connections,
  uniqExactArray(i.clients) AS clients, min(i.first) AS since, max(i.last) AS until, argMax(i.title, i.calls) AS worst
FROM incidents AS i GROUP BY i.fingerprint;

-- Calls that got another call's reply, with the key whose value they got instead.
CREATE OR REPLACE VIEW victims AS
SELECT v.run AS run, v.host AS host, v.time AS time, v.client AS client, v.server AS server, v.command AS command, v.key AS key,
  g.command AS got_command, g.key AS got_key, v.believes.confidence AS confidence
FROM pairs AS v LEFT JOIN pairs AS g ON g.run = v.run AND g.host = v.host AND g.conn = v.conn AND g.`index` = v.believes.`index`
WHERE v.believes.`index` NOT IN (0, v.`index`);
