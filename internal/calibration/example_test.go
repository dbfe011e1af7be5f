package calibration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// The connection that docs/belief.md goes through.
const (
	exampleCapture = "08a_go_pool_timeout_T200"
	exampleConn    = 1
	exampleFirst   = 51 // command
	exampleLast    = 60
)

// TestExample prints the commands of one connection: what the packets show, what is said of each caller, and what its own
// log says.
func TestExample(t *testing.T) {
	log, err := readLog(testcap.Path(t, exampleCapture+".log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	src, err := capture.Open([]string{testcap.Path(t, exampleCapture+".pcap")}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var list []pairing.Exchange
	for e, err := range analysis.Events(reassembly.New(reassembly.Options{}).Segments(src.Packets()), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if ex, ok := e.(*pairing.Exchange); ok && ex.Session.ID == exampleConn {
			keep := *ex
			list = append(list, keep)
		}
	}
	var b strings.Builder
	b.WriteString("| command | written | its reply there after | next one after | said | the caller's log |\n|---|---|---|---|---|---|\n")
	zero := list[exampleFirst-1].Time
	for i := exampleFirst - 1; i < exampleLast; i++ {
		ex, next := &list[i], &list[i+1]
		fmt.Fprintf(&b, "| #%d %s %s | %s | %s | %s | %s, %v | %s |\n", ex.Index, ex.CommandName(), ex.Key.Raw(),
			ms(ex.Time.Sub(zero)), ms(ex.Serves.Time.Sub(ex.Time)), ms(next.Time.Sub(ex.Time)),
			gotText(ex.Belief.Index, ex.Index), reader.Word(ex.Belief.Confidence), logText(log, ex))
	}
	testcap.Golden(t, page, "one connection", b.String())
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1000) }

func gotText(reply, own int) string {
	switch reply {
	case nothing:
		return "nothing"
	case own:
		return "its own"
	}
	return fmt.Sprintf("the one to #%d", reply)
}

func logText(log callers, ex *pairing.Exchange) string {
	e := log.at(place{ex.Session.Client.Port(), ex.Index}, float64(ex.Time)/1e9)
	if e == nil {
		return "its own"
	}
	return gotText(e.reply, ex.Index)
}
