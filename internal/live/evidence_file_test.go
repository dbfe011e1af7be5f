package live

import (
	"bytes"
	"os"
	"testing"

	"github.com/respsniff/respsniff/analysis/incident"
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
		path, err := k.write(&evidenceJob{number: 1, packets: s.List(), findings: []incident.Finding{{Rule: "RS101"}}})
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
