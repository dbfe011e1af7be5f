-- Rows of respsniff in ClickHouse: one table a kind. A run that is inserted again replaces itself.
CREATE TABLE IF NOT EXISTS conns (
  run LowCardinality(String), host LowCardinality(String), file String, conn UInt64, flow String, client String,
  server LowCardinality(String), first DateTime64(9, 'UTC'), last DateTime64(9, 'UTC'), start LowCardinality(String),
  `end` LowCardinality(String), protocol LowCardinality(String), commands UInt64, replies UInt64, policy LowCardinality(String),
  library LowCardinality(String), version LowCardinality(String), read_timeout_ms Nullable(Float64), dirty Bool, behind UInt32,
  lost_bytes UInt64, findings Array(LowCardinality(String))
) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(first) ORDER BY (host, run, conn);

CREATE TABLE IF NOT EXISTS pairs (
  run LowCardinality(String), host LowCardinality(String), file String, conn UInt64, flow String, client String,
  server LowCardinality(String), `index` UInt32, command LowCardinality(String), key String, frame UInt64,
  time DateTime64(9, 'UTC'), outstanding UInt32, flags Array(LowCardinality(String)),
  serves Tuple(`index` UInt32, frame UInt64, time DateTime64(9, 'UTC'), kind LowCardinality(String), bytes UInt64, error String),
  believes Tuple(`index` UInt32, confidence LowCardinality(String))
) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(time) ORDER BY (host, run, conn, `index`);

CREATE TABLE IF NOT EXISTS findings (
  run LowCardinality(String), host LowCardinality(String), rule LowCardinality(String), name LowCardinality(String),
  severity LowCardinality(String), confidence LowCardinality(String), title String, fingerprint String, incident UInt32,
  client String, server LowCardinality(String), library LowCardinality(String), policy LowCardinality(String),
  first DateTime64(9, 'UTC'), last DateTime64(9, 'UTC'), `count` UInt64, connections UInt64, remedy String
) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(first) ORDER BY (rule, host, run, fingerprint);

CREATE TABLE IF NOT EXISTS incidents (
  run LowCardinality(String), host LowCardinality(String), id UInt32, fingerprint String, verdict LowCardinality(String),
  rule LowCardinality(String), severity LowCardinality(String), confidence LowCardinality(String), title String,
  clients Array(String), servers Array(String), library LowCardinality(String), first DateTime64(9, 'UTC'), last DateTime64(9, 'UTC'),
  calls UInt64, connections UInt64, open_connections UInt64, saw Map(String, UInt64), commands Map(String, UInt64)
) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(first) ORDER BY (fingerprint, host, run, id);

-- 'analyze -o ndjson' has lines of several types; each goes to its table.
CREATE TABLE IF NOT EXISTS analyses (
  type String, run String, host String, rule String, name String, severity String, confidence String, title String, fingerprint String,
  incident UInt32, client String, server String, library String, policy String, first DateTime64(9, 'UTC'), last DateTime64(9, 'UTC'),
  `count` UInt64, connections UInt64, remedy String, id UInt32, verdict String, clients Array(String), servers Array(String), calls UInt64,
  open_connections UInt64, saw Map(String, UInt64), commands Map(String, UInt64)
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS analyses_findings TO findings AS
SELECT run, host, rule, name, severity, confidence, title, fingerprint, incident, client, server, library, policy, first, last, `count`,
  connections, remedy FROM analyses WHERE type = 'finding';

CREATE MATERIALIZED VIEW IF NOT EXISTS analyses_incidents TO incidents AS
SELECT run, host, id, fingerprint, verdict, rule, severity, confidence, title, clients, servers, library, first, last, calls, connections,
  open_connections, saw, commands FROM analyses WHERE type = 'incident';
