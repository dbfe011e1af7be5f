package metrics

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// series is one metric without labels: its name, its help text and how to read it.
type series struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*State) float64
}

func plain(name, help string, kind prometheus.ValueType, read func(*State) float64) series {
	return series{prometheus.NewDesc("respsniff_"+name, help, nil, nil), kind, read}
}

func count(name, help string, read func(*State) int64) series {
	return plain(name, help, prometheus.CounterValue, func(s *State) float64 { return float64(read(s)) })
}

func gauge(name, help string, read func(*State) int64) series {
	return plain(name, help, prometheus.GaugeValue, func(s *State) float64 { return float64(read(s)) })
}

var states = []series{
	count("packets_total", "Packets captured.", func(s *State) int64 { return s.Packets }),
	count("bytes_total", "Bytes captured.", func(s *State) int64 { return s.Bytes }),
	count("kernel_dropped_packets_total", "Packets that the kernel dropped because the capture was too slow.", func(s *State) int64 { return s.KernelDrops }),
	count("interface_dropped_packets_total", "Packets that the interface dropped.", func(s *State) int64 { return s.InterfaceDrops }),
	count("lost_bytes_total", "Stream bytes that were acknowledged and never captured.", func(s *State) int64 { return s.LostBytes }),
	count("connections_total", "TCP connections seen.", func(s *State) int64 { return s.Connections }),
	gauge("connections_open", "TCP connections that are followed now.", func(s *State) int64 { return s.Open }),
	gauge("commands_outstanding", "Commands whose reply or judgement is due.", func(s *State) int64 { return s.Outstanding }),
	gauge("connections_behind", "Open connections on which the next caller gets another caller's reply.", func(s *State) int64 { return s.Behind }),
	gauge("incidents_open", "Incidents that go on.", func(s *State) int64 { return s.OpenIncidents }),
	count("commands_total", "Commands seen.", func(s *State) int64 { return s.Commands }),
	count("replies_total", "Replies seen.", func(s *State) int64 { return s.Replies }),
	count("limit_hits_total", "Times that a bound of memory or of evidence was reached.", func(s *State) int64 { return s.LimitHits }),
	count("restarts_total", "Times that the analysis began anew because memory was short.", func(s *State) int64 { return s.Restarts }),
	count("output_skipped_total", "Messages that an output was too slow to take.", func(s *State) int64 { return s.OutputSkipped }),
	count("record_skipped_packets_total", "Packets that the disk was too slow to take.", func(s *State) int64 { return s.RecordSkipped }),
	count("evidence_files_total", "Files of evidence written.", func(s *State) int64 { return s.EvidenceFiles }),
	count("evidence_skipped_total", "Findings that got no file of evidence because of a limit.", func(s *State) int64 { return s.EvidenceSkipped }),
	plain("capture_timestamp_seconds", "Time of the capture's clock, as seconds since 1970.", prometheus.GaugeValue,
		func(s *State) float64 { return s.CaptureTimestamp }),
}

var (
	findingsDesc = prometheus.NewDesc("respsniff_findings_total", "Distinct findings that are likely at least, by rule.", []string{"rule"}, nil)
	occursDesc   = prometheus.NewDesc("respsniff_finding_occurrences_total", "Occurrences of these findings, by rule, as they are found.", []string{"rule"}, nil)
	limitsDesc   = prometheus.NewDesc("respsniff_bound_hits_total", "Times that a bound was reached, by its name.", []string{"bound"}, nil)
	latencyDesc  = prometheus.NewDesc("respsniff_command_duration_seconds",
		"Time from the end of a command to the first byte of its reply, at the place of the capture. Blocking commands are left out.",
		[]string{"server", "family"}, nil)
)

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, s := range states {
		out <- s.desc
	}
	out <- findingsDesc
	out <- occursDesc
	out <- limitsDesc
	out <- latencyDesc
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	state := m.state.Load()
	for _, s := range states {
		out <- prometheus.MustNewConstMetric(s.desc, s.kind, s.read(state))
	}
	for _, name := range slices.Sorted(maps.Keys(state.Limits)) {
		out <- prometheus.MustNewConstMetric(limitsDesc, prometheus.CounterValue, float64(state.Limits[name]), name)
	}
	m.mu.Lock()
	series := slices.Clone(m.series)
	m.mu.Unlock()
	for _, c := range state.Rules {
		out <- prometheus.MustNewConstMetric(findingsDesc, prometheus.CounterValue, float64(c.Findings), c.Rule)
		out <- prometheus.MustNewConstMetric(occursDesc, prometheus.CounterValue, float64(c.Occurrences), c.Rule)
	}
	for _, h := range series {
		buckets := make(map[float64]uint64, len(bounds))
		total := uint64(0)
		for i, b := range bounds {
			total += h.buckets[i].Load()
			buckets[b.Seconds()] = total
		}
		total += h.buckets[len(bounds)].Load()
		out <- prometheus.MustNewConstHistogram(latencyDesc, total, float64(h.nanoseconds.Load())/1e9, buckets, h.server, h.family)
	}
}
