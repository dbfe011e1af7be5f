-- name: ends
SELECT near, far, count() AS connections, sum(calls) AS commands, sum(misread_by_both) AS both, sum(misread_by_near) AS only_near,
  sum(misread_by_far) AS only_far, medianExactLow(network_us) AS net_us, medianExactLow(server_us) AS srv_us
FROM both_ends GROUP BY near, far ORDER BY near, far;

-- name: incidents
SELECT verdict, rule, library, hosts, days, runs, calls, connections, clients, formatDateTime(since, '%Y-%m-%d %H:%i:%S') AS began
FROM incidents_merged ORDER BY calls DESC, rule, fingerprint;

-- name: keys
SELECT key, count() AS misread, uniqExact(host) AS hosts, uniqExact(client) AS connections, uniqExact(got_key) AS got_keys, min(got_key) AS one_of_them
FROM victims WHERE key != '' GROUP BY key ORDER BY misread DESC, key LIMIT 5;

-- name: rules
SELECT rule, name, severity, uniqExact(host) AS hosts, sum(`count`) AS times, sum(connections) AS conns
FROM findings WHERE severity IN ('critical', 'high') GROUP BY rule, name, severity ORDER BY times DESC, rule;
