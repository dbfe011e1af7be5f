package capture_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
)

// collect reads everything; packets keep their own copy of the data.
func collect(t testing.TB, o capture.Options, names ...string) ([]capture.Packet, []capture.FileInfo, []error) {
	t.Helper()
	s, err := capture.Open(names, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer s.Close()
	var packets []capture.Packet
	var errs []error
	for p, err := range s.Packets() {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.Data = bytes.Clone(p.Data)
		packets = append(packets, p)
	}
	return packets, s.Files(), errs
}

// shanghai is the zone in which the texts were printed.
var shanghai = time.FixedZone("CST", 8*3600)

// asText gives what a dump with hex shows of packets: without options -xx or -XX the link header is missing.
func asText(packets []capture.Packet, withLink bool) []capture.Packet {
	out := make([]capture.Packet, len(packets))
	for i, p := range packets {
		if !withLink && p.Link == capture.LinkEthernet {
			p.Data, p.Length, p.Link = p.Data[14:], p.Length-14, capture.LinkRaw
		}
		out[i] = p
	}
	return out
}

func TestTextEqualsCapture(t *testing.T) {
	whole, _, errs := collect(t, capture.Options{}, testcap.Path(t, "01a_small.pcap"))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	day := time.Date(2026, 11, 22, 12, 0, 0, 0, shanghai)
	for _, tt := range []struct {
		name string
		link bool
		snap int // bytes of the frame that the text has, 0 all
		o    capture.Options
	}{
		{"05_01a_small.e_tttt_X.txt", false, 0, capture.Options{Location: shanghai}},
		{"05_01a_small.snap96.tttt_v_X.txt", false, 96, capture.Options{Location: shanghai}},
		{"05_01a_small.time_of_day_X.txt", false, 0, capture.Options{Location: shanghai, Date: day}},
		{"05_01a_small.tt_X.txt", false, 0, capture.Options{}},
		{"05_01a_small.tttt_S_x.txt", false, 0, capture.Options{Location: shanghai}},
		{"05_01a_small.tttt_X.txt", false, 0, capture.Options{Location: shanghai}},
		{"05_01a_small.tttt_v_X.txt", false, 0, capture.Options{Location: shanghai}},
		{"05_01a_small.tttt_vv_XX.txt", true, 0, capture.Options{Location: shanghai}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, files, errs := collect(t, tt.o, testcap.Path(t, tt.name))
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			shortened := make([]capture.Packet, len(whole))
			for i, p := range whole {
				if tt.snap > 0 && len(p.Data) > tt.snap {
					p.Data = p.Data[:tt.snap]
				}
				shortened[i] = p
			}
			if diff := cmp.Diff(asText(shortened, tt.link), got); diff != "" {
				t.Errorf("packets differ from the capture's (-capture +text):\n%.2000s", diff)
			}
			if f := files[0]; f.Format != "tcpdump text" || f.Packets != int64(len(whole)) {
				t.Errorf("FileInfo says %q and %d packets, want %d", f.Format, f.Packets, len(whole))
			}
		})
	}
}

// TestTextOfTcpdump reads what the installed tcpdump prints for combinations of its options.
func TestTextOfTcpdump(t *testing.T) {
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is not installed")
	}
	path := testcap.Path(t, "01a_small.pcap")
	whole, _, _ := collect(t, capture.Options{}, path)
	epoch := func(p capture.Packet, i int) capture.Time { return p.Time }
	first := whole[0].Time
	for _, tt := range []struct {
		args string
		link bool
		time func(p capture.Packet, i int) capture.Time
	}{
		{"-tt -x", false, epoch},
		{"-tt -xx -e", true, epoch},
		{"-tt -XX -vv -#", true, epoch},
		{"-tt -X -e -# -v", false, epoch},
		{"-tttt -S -X -q", false, epoch},
		{"--time-stamp-precision=nano -tt -x", false, epoch},
		{"-ttt -x", false, func(p capture.Packet, _ int) capture.Time { return p.Time - first }},
		{"-ttt -X -e -v -#", false, func(p capture.Packet, _ int) capture.Time { return p.Time - first }},
		{"-ttttt -x", false, func(p capture.Packet, _ int) capture.Time { return p.Time - first }},
		{"-t -X -v", false, func(capture.Packet, int) capture.Time { return 0 }},
		{"-t -e -XX", true, func(capture.Packet, int) capture.Time { return 0 }},
	} {
		t.Run(tt.args, func(t *testing.T) {
			cmd := exec.Command(tcpdump, append(strings.Fields(tt.args), "-n", "-r", path)...)
			cmd.Env = append(os.Environ(), "TZ=UTC")
			text, err := cmd.Output()
			if err != nil {
				t.Skipf("tcpdump: %v", err)
			}
			got, _, errs := collect(t, capture.Options{Stdin: bytes.NewReader(text)}, "-")
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			want := asText(whole, tt.link)
			for i := range want {
				want[i].Time = tt.time(want[i], i)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("packets differ (-capture +text):\n%.2000s", diff)
			}
		})
	}
}

func TestTextOfArticle(t *testing.T) {
	want, _, _ := collect(t, capture.Options{}, testcap.Path(t, "seed1_article.pcap"))
	got, files, errs := collect(t, capture.Options{Location: shanghai}, testcap.Path(t, "seed1_article.tcpdump.txt"))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packets differ from the capture's:\n%s", diff)
	}
	if len(files[0].Notes) > 0 {
		t.Errorf("notes %q about a complete text", files[0].Notes)
	}
}

func TestTextOfAnyInterface(t *testing.T) {
	got, files, errs := collect(t, capture.Options{}, testcap.Path(t, "05_any_sll2.tttt_X.txt"))
	// The text stops inside its last packet.
	if len(errs) != 1 || !errors.Is(errs[0], capture.ErrCut) || len(got) != 197 {
		t.Fatalf("%d packets, errors %v", len(got), errs)
	}
	if diff := cmp.Diff([]capture.LinkType{capture.LinkRaw}, files[0].LinkTypes); diff != "" {
		t.Error(diff)
	}
	for _, p := range got[:len(got)-1] {
		if p.Length != len(p.Data) || p.Data[0] != 0x45 {
			t.Fatalf("frame %d: length %d, data % x", p.Frame, p.Length, p.Data)
		}
	}
}

func TestTextWithoutBytes(t *testing.T) {
	for _, name := range []string{"05_01a_small.tttt_A.txt", "05_01a_small.tttt_nohex.txt"} {
		_, err := capture.Open([]string{testcap.Path(t, name)}, capture.Options{})
		if !errors.Is(err, capture.ErrNotCapture) || !strings.Contains(err.Error(), "-X") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
