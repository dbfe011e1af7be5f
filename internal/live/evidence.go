package live

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// EvidenceOptions are how the packets around findings are kept.
type EvidenceOptions struct {
	Dir   string // for the files; "": nothing is kept
	Ring  int    // bytes of memory for the latest packets of each server
	Size  int    // most packet bytes in one file
	Files int    // most files in one run
	Raw   bool   // leave secrets in
}

// Bounds of evidence beyond the options.
const (
	// around is how long before and after the act packets are kept.
	around = 10 * time.Second
	// recentAge is how old a packet may be when a finding wants it: a doubt is judged up to 16 s after the act.
	recentAge = around + 20*time.Second
	// ringServers is how many full rings the memory of all servers holds.
	ringServers = 4
	// maxJobs is how many files are collected at once, maxWrites how many wait to be written.
	maxJobs   = 4
	maxWrites = 4
	// quietTime is how long a finding that has got a file gets no other.
	quietTime = time.Minute
	// maxRemembered bounds the findings whose last file is remembered.
	maxRemembered = 4096
)

// keeperLimits bound the evidence. They only bound what is kept beside the report.
type keeperLimits struct {
	set                                      bound.Set
	files, jobs, writes, remembered, servers *bound.Bound
}

func (l *keeperLimits) init(o *EvidenceOptions) {
	const without = "the packets of further findings: they have no file"
	detail := func(name string, limit int, hides string) *bound.Bound {
		return l.set.New(bound.Bound{Name: name, Limit: limit, Hides: hides, Loses: bound.Detail})
	}
	l.files = detail("--evidence-files", o.Files, "earlier packets of the findings that had the most files")
	l.jobs = detail("evidence files that are collected at once", maxJobs, without)
	l.writes = detail("evidence files that wait to be written", maxWrites, without)
	l.remembered = detail("findings with a file of evidence", maxRemembered, without)
	l.servers = detail("servers whose packets are kept for evidence", maxRecentKeys, "packets before a finding of a server that was silent for long")
}

// keeper holds the latest packets and writes those around findings. Its methods belong to the goroutine of the analysis,
// which it never makes wait: files are written elsewhere.
type keeper struct {
	o      *EvidenceOptions
	ports  []uint16
	name   func(capture.Packet) string
	kept   func(file string, f *incident.Finding) // a file was written; called in its goroutine
	warn   func(string, ...any)
	recent recent[netip.AddrPort]
	limits keeperLimits
	jobs   []*evidenceJob
	last   map[string]capture.Time // of the latest act that has a file, by fingerprint
	files  []evidenceFile
	begun  int
	closed bool

	writes  chan *evidenceJob
	done    chan struct{}
	written atomic.Int64
	skipped atomic.Int64
}

// evidenceFile is a file that is there, or will be.
type evidenceFile struct {
	job   *evidenceJob
	path  string
	print string // fingerprint of the finding that it was begun for
}

// evidenceJob collects the packets between a client and a server until its time is over.
type evidenceJob struct {
	number   int
	path     string
	removes  string     // the file that it takes the place of; "": none
	client   netip.Addr // zero: any
	server   netip.AddrPort
	until    capture.Time
	findings []incident.Finding
	packets  []capture.Packet
	bytes    int
	cut      bool
}

func startKeeper(o *EvidenceOptions, ports []uint16) *keeper {
	k := &keeper{
		o: o, ports: ports, last: map[string]capture.Time{}, writes: make(chan *evidenceJob, maxWrites), done: make(chan struct{}),
		recent: recent[netip.AddrPort]{perKey: o.Ring, total: o.Ring * ringServers, age: recentAge},
	}
	k.limits.init(o)
	k.recent.keys = k.limits.servers
	go k.run()
	return k
}

// see takes a packet.
func (k *keeper) see(p *capture.Packet) {
	from, to := ends(p)
	if !from.IsValid() {
		return
	}
	k.recent.add(serverOf(from, to, k.ports), p)
	for _, j := range k.jobs {
		j.take(p, from, to, k.o.Size)
	}
}

// take copies a packet of the job's two ends.
func (j *evidenceJob) take(p *capture.Packet, from, to netip.AddrPort, limit int) {
	client := to
	switch j.server {
	case to:
		client = from
	case from:
	default:
		return
	}
	if j.client.IsValid() && j.client != client.Addr() || p.Time > j.until {
		return
	}
	if j.bytes+len(p.Data) > limit {
		j.cut = true
		return
	}
	j.bytes += len(p.Data)
	q := *p
	q.Data = bytes.Clone(p.Data)
	j.packets = append(j.packets, q)
}

// found begins to collect what is around a finding, or adds it to what is being collected between the same two ends.
func (k *keeper) found(f *incident.Finding) {
	client, server, at := f.Client, f.Server, f.Last
	if f.Early != nil && f.Early.Latest != nil {
		e := f.Early.Latest
		client, server, at = e.Client.Addr(), e.Server, e.Time
	}
	if !server.IsValid() {
		return // of the capture as a whole: there is no packet to show
	}
	for _, j := range k.jobs {
		if j.server == server && j.client == client {
			for i := range j.findings {
				if j.findings[i].Fingerprint == f.Fingerprint {
					j.findings[i] = *f
					return
				}
			}
			j.findings = append(j.findings, *f)
			return
		}
	}
	if last, ok := k.last[f.Fingerprint]; ok && at.Sub(last) < quietTime {
		return
	}
	if len(k.last) >= k.limits.remembered.Limit {
		maps.DeleteFunc(k.last, func(_ string, last capture.Time) bool { return at.Sub(last) >= quietTime })
	}
	if !k.limits.jobs.Admits(len(k.jobs)) || !k.limits.remembered.Admits(len(k.last)) {
		k.skipped.Add(1)
		return
	}
	removes, ok := k.room()
	if !ok {
		k.skipped.Add(1)
		return
	}
	k.begun++
	k.last[f.Fingerprint] = at
	j := &evidenceJob{number: k.begun, client: client, server: server, until: at.Add(around), findings: []incident.Finding{*f}, removes: removes}
	j.path = filepath.Join(k.o.Dir, fmt.Sprintf("respsniff-%06d-%s.pcapng", j.number, strings.ToLower(f.Rule)))
	k.files = append(k.files, evidenceFile{j, j.path, f.Fingerprint})
	for p := range k.recent.packets(server, at.Add(-around)) {
		from, to := ends(&p)
		j.take(&p, from, to, k.o.Size/2) // the other half is for what is still to come
	}
	k.jobs = append(k.jobs, j)
}

// room makes room for one more file: where there are as many as may be, the oldest one of the finding that has the most gives
// way, so that a finding that goes on for ever does not use up what another one needs. ok is false where all are still being
// collected.
func (k *keeper) room() (removes string, ok bool) {
	if len(k.files) < k.o.Files {
		return "", true
	}
	k.limits.files.Hits++
	of, victim := map[string]int{}, -1
	for i := range k.files {
		of[k.files[i].print]++
	}
	for i := range k.files {
		if !slices.Contains(k.jobs, k.files[i].job) && (victim < 0 || of[k.files[i].print] > of[k.files[victim].print]) {
			victim = i
		}
	}
	if victim < 0 {
		return "", false
	}
	removes = k.files[victim].path
	k.files = slices.Delete(k.files, victim, victim+1)
	return removes, true
}

// tick hands over what is complete at a moment.
func (k *keeper) tick(now capture.Time) {
	k.jobs = slices.DeleteFunc(k.jobs, func(j *evidenceJob) bool {
		if now < j.until {
			return false
		}
		select {
		case k.writes <- j:
		default:
			k.limits.writes.Hits++
			k.skipped.Add(1)
			k.files = slices.DeleteFunc(k.files, func(f evidenceFile) bool { return f.job == j })
		}
		return true
	})
}

// close writes what there is. A second call does nothing.
func (k *keeper) close() {
	if k.closed {
		return
	}
	k.closed = true
	for _, j := range k.jobs {
		k.writes <- j
	}
	k.jobs = nil
	close(k.writes)
	<-k.done
}
