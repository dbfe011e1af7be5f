package live

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/scenario"
)

// TestEvidenceIsWholeWithoutSecrets: a file of evidence has what was sent, but for passwords.
func TestEvidenceIsWholeWithoutSecrets(t *testing.T) {
	s, err := scenario.Parse("evidence.txt", []byte("conn c1 10.0.0.1:40001 -> 10.0.0.2:6379\nc1 > AUTH S3CR3T => +OK\nc1 > GET public => $visible\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []bool{false, true} {
		k := startKeeper(&EvidenceOptions{Dir: t.TempDir(), Ring: 1 << 20, Size: 1 << 20, Files: 1, Raw: raw}, []uint16{6379})
		path := filepath.Join(k.o.Dir, "x.pcapng")
		err := k.write(&evidenceJob{path: path, packets: s.List(), findings: []incident.Finding{{Rule: "RS101"}}})
		close(k.writes)
		<-k.done
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte("public")) || !bytes.Contains(b, []byte("visible")) || bytes.Contains(b, []byte("S3CR3T")) != raw {
			t.Errorf("raw %v: %q", raw, b)
		}
	}
}

// TestEvidenceMakesRoom: a finding that goes on for ever does not use up the files that another one needs.
func TestEvidenceMakesRoom(t *testing.T) {
	dir := t.TempDir()
	k := startKeeper(&EvidenceOptions{Dir: dir, Ring: 1 << 20, Size: 1 << 20, Files: 3}, nil)
	k.warn, k.kept = t.Errorf, func(string, *incident.Finding) {}
	server := netip.MustParseAddrPort("10.0.0.2:6379")
	for i := range 10 {
		print, at := "chronic", capture.Time(0).Add(time.Duration(i)*2*time.Minute)
		if i == 4 {
			print = "rare"
		}
		k.found(&incident.Finding{Rule: "RS101", Fingerprint: print, Server: server, Last: at, First: at})
		k.found(&incident.Finding{Rule: "RS101", Fingerprint: print, Server: server, Last: at.Add(time.Second)}) // no further one within a minute
		k.tick(at.Add(time.Minute))
		for range 1000 { // until it is written
			if k.written.Load() == int64(i+1) {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	k.close()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	want := []string{"respsniff-000005-rs101.pcapng", "respsniff-000009-rs101.pcapng", "respsniff-000010-rs101.pcapng"}
	if !slices.Equal(names, want) || k.skipped.Load() != 0 || k.limits.files.Hits != 7 {
		t.Errorf("files %v, want %v; %d skipped, %d gave way", names, want, k.skipped.Load(), k.limits.files.Hits)
	}
}
