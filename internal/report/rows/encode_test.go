package rows

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/respsniff/respsniff/internal/report"
)

// TestEncoderIsJSON compares rows of any content with what encoding/json makes of them, and reads them back.
func TestEncoderIsJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{"", "GET", `a"b\c`, "<&>", "\x00\x1f\x7f", "ü\u2028\u2029", "\xff\xfe", "1:qEzDS3yiP8RHTKEi+jyCrkkOxrQ=", "'", "/"}
	word := func() string { return words[random.IntN(len(words))] }
	number := func() int64 {
		return []int64{0, 1, -1, 9, 1 << 40, random.Int64()}[random.IntN(6)]
	}
	moment := func() report.Stamp {
		return report.Stamp([]int64{0, 1, -1, 1_700_000_000_123_456_000, 1_700_000_000_123_456_789, 1_700_000_000_000_000_000, -1_500_000_000, random.Int64N(4e18)}[random.IntN(8)])
	}
	var e encoder
	for range 20000 {
		row := &Exchange{
			Type: "exchange", Labelled: Labelled{report.Label{Run: word(), Host: word()}}, Conn: number(), Client: word(), Server: word(), Index: int(number()),
			Command: word(), Flow: word(), File: word(), Frame: number(), Time: moment(), Outstanding: int(number()),
		}
		if random.IntN(2) == 0 {
			key := word()
			row.Key = &key
		}
		for range random.IntN(3) {
			row.Flags = append(row.Flags, word())
		}
		if random.IntN(2) == 0 {
			row.Exec = &Exec{int(number()), word(), number(), number()}
		}
		if random.IntN(2) == 0 {
			row.Serves = &Serves{int(number()), number(), moment(), word(), number(), word(), word()}
		}
		if random.IntN(2) == 0 {
			row.Believes = &Believes{int(number()), word(), random.IntN(2) == 0}
		}
		want, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.row(row); err != nil || string(e.buf) != string(want) {
			t.Fatalf("%v\n got %s\nwant %s", err, e.buf, want)
		}
	}
}
