package scenario

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/respsniff/respsniff/capture"
)

// mustParse parses a scenario that is right.
func mustParse(t testing.TB, src string) *Scenario {
	t.Helper()
	s, err := Parse(t.Name(), []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// writePcap writes packets of one link type into a file of the test's own folder.
func writePcap(t testing.TB, packets []capture.Packet) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.pcap")
	var buf bytes.Buffer
	w := pcapgo.NewWriterNanos(&buf)
	link := capture.LinkEthernet
	if len(packets) > 0 {
		link = packets[0].Link
	}
	if err := w.WriteFileHeader(262144, layers.LinkType(link)); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		ci := gopacket.CaptureInfo{Timestamp: p.Time.Std(), CaptureLength: len(p.Data), Length: p.Length}
		if err := w.WritePacket(ci, p.Data); err != nil {
			t.Fatal(err)
		}
	}
	raw := buf.Bytes()
	raw[20], raw[21] = byte(link), byte(link>>8) // gopacket holds link types in 8 bits
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tshark runs tshark and returns its lines; the test is skipped where it is not installed.
func tshark(t testing.TB, args ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	out, err := exec.Command("tshark", args...).Output()
	if err != nil {
		t.Fatalf("tshark %v: %v", args, err)
	}
	text := strings.TrimSpace(string(out))
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
