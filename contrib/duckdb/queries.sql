-- name: ends
SELECT near, far, count(*) AS connections, sum(calls)::BIGINT AS commands, sum(misread_by_both)::BIGINT AS both, sum(misread_by_near)::BIGINT AS only_near,
  sum(misread_by_far)::BIGINT AS only_far, quantile_disc(network_us, 0.5) AS net_us, quantile_disc(server_us, 0.5) AS srv_us
FROM both_ends GROUP BY near, far ORDER BY near, far;

-- name: incidents
SELECT verdict, rule, library, hosts, days, runs, calls, connections, clients, strftime(since, '%Y-%m-%d %H:%M:%S') AS began
FROM incidents_merged ORDER BY calls DESC, rule, fingerprint;

-- name: keys
SELECT key, count(*) AS misread, count(DISTINCT host) AS hosts, count(DISTINCT client) AS connections, count(DISTINCT got_key) AS got_keys, min(got_key) AS one_of_them
FROM victims WHERE key <> '' GROUP BY key ORDER BY misread DESC, key LIMIT 5;

-- name: rules
SELECT rule, name, severity, count(DISTINCT host) AS hosts, sum(count)::BIGINT AS times, sum(connections)::BIGINT AS conns
FROM findings WHERE severity IN ('critical', 'high') GROUP BY rule, name, severity ORDER BY times DESC, rule;
