package calibration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/internal/exhaustive"
	"github.com/respsniff/respsniff/internal/testcap"
)

// TestTLSWithKeys: with the secrets beside it TLS is read as clear text is: what damage left is read, misreads are found, nobody healthy
// is accused.
func TestTLSWithKeys(t *testing.T) {
	own := in(t, filepath.Join(testcap.Own(), "tls"), nil)
	if !exhaustive.On() {
		for _, s := range measureAll(t, own, inProcess(0)) {
			holdTLS(t, s)
		}
		return
	}
	dir := filepath.Join(testcap.Larger(), "tls")
	if !exists(dir) {
		if os.Getenv("CI") != "" {
			t.Fatal("the larger collection of captures is missing")
		}
		t.Skip("the larger collection of captures is not beside this checkout")
	}
	scores := measureAll(t, in(t, dir, nil), inProcess(0))
	for _, s := range scores {
		holdTLS(t, s)
	}
	testcap.Golden(t, "docs/tls.md", "with keys", tlsTable(t, scores))
}

// hard are recordings on which misreads are not found as they should be, with the reason.
var hard = map[string]string{
	"61g_tls12_cbc_py_reused":         "its suite is not read",
	"63a_tls13_pipe_cancel_py_reused": "pipelines of several sizes, cancelled after any time: some calls are found, and how far behind the others are is not",
	"64c_node_mux_bug_T200":           "its healthy twin writes the same packets",
	"69a_two_pools_one_keylog_reused": "the keys of one pool of two",
	"71a_loss05_reused":               "packets are lost",
	"71e_loss2_go_reused":             "packets are lost",
	"71f_loss1_keyupdate_reused":      "packets are lost",
	"73d_wrong_keys_reused":           "keys that do not fit",
	"74a_tls12_midstream_reused":      "connections that began before the capture",
}

func holdTLS(t *testing.T, s *score) {
	t.Helper()
	strong := s.least(misread, reader.Strong)
	switch {
	case s.misreads == 0 && len(s.accuses) > 0:
		t.Errorf("%s is healthy, and accused by %v", s.name, s.accuses)
	case strong.said > 0 && strong.share() < 0.98:
		t.Errorf("%s: of the strong claims %d of %d are right", s.name, strong.right, strong.said)
	case s.misreads == 0 || hard[tlsName(s)] != "":
	case s.recall() < 0.95:
		t.Errorf("%s: %d of %d misreads found; of the strong claims %d of %d are right", s.name, s.found, s.misreads, strong.right, strong.said)
	}
}

// tlsName is the name of the key log that belongs to a recording, or would.
func tlsName(s *score) string {
	name, _, _ := strings.Cut(s.name, ".")
	return name
}

// tlsTable has a row for each recording. What tshark read is what stands in the log.
func tlsTable(t *testing.T, scores []*score) string {
	var b strings.Builder
	b.WriteString("| recording | connections read / all | commands read | by tshark 4.0.17 | misreads | R | P | PL | |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range scores {
		raw, err := os.ReadFile(s.log)
		if err != nil {
			t.Fatal(err)
		}
		var log struct{ Tshark struct{ Commands *int } }
		if err := json.Unmarshal(raw, &log); err != nil {
			t.Fatal(err)
		}
		tshark, recall := "", ""
		if log.Tshark.Commands != nil {
			tshark = fmt.Sprint(*log.Tshark.Commands)
		}
		strong, likely := s.least(misread, reader.Strong), s.least(misread, reader.Likely)
		p, pl := "", ""
		if s.misreads > 0 {
			recall, p, pl = ratio(s.recall()), strong.permille(), likely.permille()
		}
		fmt.Fprintf(&b, "| %s | %d / %d | %d | %s | %d | %s | %s | %s | %s |\n", strings.TrimSuffix(s.name, ".client"), s.opened, s.encrypted, s.commands,
			tshark, s.misreads, recall, p, pl, hard[tlsName(s)])
	}
	return b.String()
}
