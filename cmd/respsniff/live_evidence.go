package main

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/evidence"
	"github.com/respsniff/respsniff/reassembly"
)

// evidenceOptions are the flags of the files that keep the packets around a finding.
type evidenceOptions struct {
	dir   string
	ring  byteSize
	size  byteSize
	files int
	raw   bool
}

// Bounds of evidence beyond the flags.
const (
	// around is how long before and after the act packets are kept.
	around = 10 * time.Second
	// recentAge is how old a packet may be when a finding wants it: a finding comes some time after the act.
	recentAge = around + 5*time.Second
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

func (o *evidenceOptions) add(cmd *cobra.Command) {
	o.ring, o.size = 16<<20, 8<<20
	f := cmd.Flags()
	f.StringVar(&o.dir, "evidence", "", "write the packets around each finding, 10 s before and after, as pcapng into this `DIR`")
	f.Var(&o.ring, "evidence-ring", "memory for the latest packets of each server; four times as much in all")
	f.Var(&o.size, "evidence-size", "most packet bytes in one file")
	f.IntVar(&o.files, "evidence-files", 100, "most `FILES` in one run; one finding gets one a minute at most")
	f.BoolVar(&o.raw, "evidence-raw", false, "leave passwords in")
}

func (o *evidenceOptions) check() error {
	if o.dir == "" {
		return nil
	}
	if info, err := os.Stat(o.dir); err != nil || !info.IsDir() {
		return usagef("--evidence %s: want a directory that exists", o.dir)
	}
	if o.ring < 1<<20 || o.size < 1<<16 || o.files < 1 {
		return usagef("--evidence-ring, --evidence-size and --evidence-files: want at least 1 MiB, 64 KiB and 1")
	}
	return nil
}

// keeper holds the latest packets and writes those around findings. Its methods belong to the goroutine of the analysis,
// which it never makes wait: files are written elsewhere.
type keeper struct {
	o      *evidenceOptions
	ports  []uint16
	name   func(capture.Packet) string
	said   func(file string, f *analysis.Finding)
	warn   func(string, ...any)
	recent capture.Recent[netip.AddrPort]
	jobs   []*evidenceJob
	last   map[string]capture.Time // latest file by fingerprint
	begun  int
	closed bool

	writes  chan *evidenceJob
	done    chan struct{}
	written atomic.Int64
	skipped atomic.Int64
}

// evidenceJob collects the packets between a client and a server until its time is over.
type evidenceJob struct {
	number   int
	client   netip.Addr // zero: any
	server   netip.AddrPort
	until    capture.Time
	findings []analysis.Finding
	packets  []capture.Packet
	bytes    int
	cut      bool
}

func startKeeper(o *evidenceOptions, ports []uint16) *keeper {
	k := &keeper{
		o: o, ports: ports, last: map[string]capture.Time{}, writes: make(chan *evidenceJob, maxWrites), done: make(chan struct{}),
		recent: capture.Recent[netip.AddrPort]{PerKey: int(o.ring), Total: int(o.ring) * ringServers, Age: recentAge},
	}
	go k.run()
	return k
}

// see takes a packet.
func (k *keeper) see(p *capture.Packet) {
	from, to := ends(p)
	if !from.IsValid() {
		return
	}
	k.recent.Add(serverOf(from, to, k.ports), p)
	for _, j := range k.jobs {
		j.take(p, from, to, int(k.o.size))
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
func (k *keeper) found(f *analysis.Finding) {
	client, server, at := f.Client, f.Server, f.Last
	for i := range f.Examples {
		if e := &f.Examples[i]; i == 0 || e.Time > at {
			client, server, at = e.Client.Addr(), e.Server, e.Time
		}
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
	if k.begun >= k.o.files || len(k.jobs) >= maxJobs || len(k.last) >= maxRemembered {
		k.skipped.Add(1)
		return
	}
	k.begun++
	k.last[f.Fingerprint] = at
	j := &evidenceJob{number: k.begun, client: client, server: server, until: at.Add(around), findings: []analysis.Finding{*f}}
	for p := range k.recent.Packets(server, at.Add(-around)) {
		from, to := ends(&p)
		j.take(&p, from, to, int(k.o.size)/2) // the other half is for what is still to come
	}
	k.jobs = append(k.jobs, j)
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
			k.skipped.Add(1)
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

func (k *keeper) run() {
	defer close(k.done)
	for j := range k.writes {
		path, err := k.write(j)
		if err != nil {
			k.skipped.Add(1)
			k.warn("--evidence: %v", err)
			continue
		}
		k.written.Add(1)
		for i := range j.findings {
			k.said(path, &j.findings[i])
		}
	}
}

// write makes the file. It goes over the packets thrice, as cut does: to count their connections, to learn what is
// secret in them, and to write them.
func (k *keeper) write(j *evidenceJob) (path string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	slices.SortStableFunc(j.packets, func(a, b capture.Packet) int { return int(a.Frame - b.Frame) })
	var conns []int64
	events := func() iter.Seq2[analysis.Event, error] {
		packets := func(yield func(capture.Packet, error) bool) {
			for _, p := range j.packets {
				if !yield(p, nil) {
					return
				}
			}
		}
		return analysis.Events(reassembly.Segments(packets, nil), &analysis.Options{Ports: k.ports})
	}
	for event := range events() {
		if o, ok := event.(*analysis.Opened); ok {
			conns = append(conns, o.Session.ID)
		}
	}
	cutter := evidence.New(conns, k.o.raw)
	for event := range events() {
		cutter.Watch(event)
	}
	text := "kept by respsniff live"
	for i := range j.findings {
		f := &j.findings[i]
		text += fmt.Sprintf("\n%s %s: %s", f.Rule, f.Name, f.Title)
		for n := range f.Examples {
			commentExample(cutter, 0, f, n)
		}
	}
	if j.cut {
		text += fmt.Sprintf("\ncut at %d bytes: there were more packets", k.o.size)
	}
	path = filepath.Join(k.o.dir, fmt.Sprintf("respsniff-%06d-%s.pcapng", j.number, strings.ToLower(j.findings[0].Rule)))
	return path, writeFile(path, false, func(w io.Writer) error {
		out, err := capture.NewWriter(w, capture.WriterOptions{Comment: report.Printable(text), InterfaceName: k.name})
		if err != nil {
			return err
		}
		for _, p := range j.packets {
			if cut, comment, keep := cutter.Cut(p); keep {
				if err := out.Write(cut, comment); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
