package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/respsniff/respsniff/analysis/incident"
)

// Verdict says in one word and one sentence what the run means for the reader.
func Verdict(d *Document) (word, sentence string) {
	quality, traffic := d.split()
	doubt := ""
	if slices.ContainsFunc(quality, func(f *incident.Finding) bool { return f.Severity > incident.Info }) {
		doubt = "; but the capture hides part of the traffic, see below"
	}
	if !d.Complete {
		doubt = "; but the input was not read whole, so that proves little"
	}
	if len(traffic) == 0 {
		switch {
		case d.Summary.Redis == 0 && d.Summary.Packets == 0:
			return "NOTHING READ", "there was no packet to judge."
		case d.Summary.Redis == 0:
			return "NO REDIS", fmt.Sprintf("no Redis in %s%s.", count(d.Summary.Connections, "connection"), doubt)
		}
		if n := len(d.Suppressed); n > 0 {
			return "KNOWN", fmt.Sprintf("nothing but %s that the baseline accepts, in %s%s.", count(int64(n), "finding"),
				count(d.Summary.Commands, "command"), doubt)
		}
		return "CLEAN", fmt.Sprintf("no fault found in %s on %s%s.",
			count(d.Summary.Commands, "command"), count(d.Summary.Redis, "Redis connection"), doubt)
	}
	top := slices.MaxFunc(traffic, func(a, b *incident.Finding) int {
		if a.Severity != b.Severity {
			return int(a.Severity) - int(b.Severity)
		}
		return int(a.Confidence) - int(b.Confidence)
	})
	top = blamed(top, traffic)
	sentence = fmt.Sprintf("%s (%s, %s)", Printable(top.Title), top.Severity, orDash(top.Confidence.String()))
	if n := len(traffic) - 1; n > 0 {
		sentence += ", and " + count(int64(n), "other finding")
	}
	if !d.Complete {
		sentence += "; the input was not read whole"
	}
	return verdictWord(top), sentence + "."
}

// blamed returns the finding that the verdict names: the cause of top where it is as bad and as sure, so that a client whose
// server stalled is not what the reader sees first. A desync stays: whatever made the caller wait, the client
// put the connection back.
func blamed(top *incident.Finding, traffic []*incident.Finding) *incident.Finding {
	for range traffic { // as many steps as a chain of causes can have
		i := slices.IndexFunc(traffic, func(f *incident.Finding) bool {
			return slices.Contains(top.Causes, f.Fingerprint) && f != top && f.Severity >= top.Severity && f.Confidence >= top.Confidence
		})
		if i < 0 || isDesync(top.Rule) {
			break
		}
		top = traffic[i]
	}
	return top
}

func isDesync(rule string) bool { return len(rule) > 2 && rule[2] == '1' }

func verdictWord(f *incident.Finding) string {
	if f.Severity <= incident.Low {
		return "NO HARM FOUND"
	}
	if len(f.Rule) < 3 {
		return "FAULT"
	}
	switch f.Rule[2] {
	case '1':
		return "DESYNC"
	case '2':
		return "CONNECTION FAULT"
	case '3':
		return "TOPOLOGY FAULT"
	case '4':
		return "SERVER FAULT"
	}
	return "FAULT"
}

// Chain returns those of fs that are tied by cause, each behind all of its causes, else by time.
func Chain(fs []*incident.Finding) []*incident.Finding {
	byPrint := map[string]*incident.Finding{}
	for _, f := range fs {
		byPrint[f.Fingerprint] = f
	}
	tied := map[*incident.Finding]bool{}
	for _, f := range fs {
		for _, c := range f.Causes {
			if cause := byPrint[c]; cause != nil && cause != f {
				tied[f], tied[cause] = true, true
			}
		}
	}
	rest := make([]*incident.Finding, 0, len(tied))
	for _, f := range fs {
		if tied[f] {
			rest = append(rest, f)
		}
	}
	slices.SortStableFunc(rest, func(a, b *incident.Finding) int {
		switch {
		case a.First < b.First:
			return -1
		case a.First > b.First:
			return 1
		}
		return 0
	})
	// A cause may begin after its effect by the clock of a disordered file: take whoever has no cause left, in time
	// order; a circle is broken at its earliest.
	var chain []*incident.Finding
	done := map[*incident.Finding]bool{}
	for len(rest) > 0 {
		next := slices.IndexFunc(rest, func(f *incident.Finding) bool {
			for _, c := range f.Causes {
				if cause := byPrint[c]; cause != nil && cause != f && !done[cause] {
					return false
				}
			}
			return true
		})
		next = max(next, 0)
		done[rest[next]] = true
		chain = append(chain, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	return chain
}

// Rank sorts findings for people: RS9xx first, then the worst severity, the surest confidence, the most occurrences,
// and by rule and fingerprint, so that the order never depends on how the run went.
func Rank(fs []incident.Finding) {
	slices.SortStableFunc(fs, func(a, b incident.Finding) int {
		if qa, qb := IsQuality(a.Rule), IsQuality(b.Rule); qa != qb {
			if qa {
				return -1
			}
			return 1
		}
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(b.Count, a.Count),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint),
		)
	})
}
