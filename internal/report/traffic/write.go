package traffic

import (
	"encoding/json"
	"io"
	"time"

	"github.com/respsniff/respsniff/internal/report"
)

type rowWire struct {
	Name    string     `json:"name"`
	Count   int64      `json:"count"`
	Errors  int64      `json:"errors"`
	NoReply int64      `json:"no_reply"`
	In      int64      `json:"bytes_in"`
	Out     int64      `json:"bytes_out"`
	Took    *quantiles `json:"took,omitempty"`
	Blocked *quantiles `json:"blocked,omitempty"`
}

// quantiles are in milliseconds.
type quantiles struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

type largeWire struct {
	Bytes   int64  `json:"bytes"`
	Reply   bool   `json:"reply"`
	Command string `json:"command"`
	Key     string `json:"key,omitempty"`
	Conn    int64  `json:"conn"`
	Frame   int64  `json:"frame"`
}

type keyWire struct {
	Key   string `json:"key"`
	Count int64  `json:"count"`
	Over  int64  `json:"over,omitempty"` // the count may be too high by this
}

type errorWire struct {
	Class string `json:"class"`
	Count int    `json:"count"`
}

type reportWire struct {
	SchemaVersion int         `json:"schema_version"`
	Complete      bool        `json:"complete"`
	All           rowWire     `json:"all"`
	Commands      []rowWire   `json:"commands"`
	Servers       []rowWire   `json:"servers"`
	Clients       []rowWire   `json:"clients"`
	Errors        []errorWire `json:"errors"`
	Keys          []keyWire   `json:"hot_keys"`
	Largest       []largeWire `json:"largest"`
}

// WriteJSON writes the report as one document. complete says whether the input was read whole.
func (p *Report) WriteJSON(w io.Writer, complete bool) error {
	out := reportWire{
		SchemaVersion: report.SchemaVersion, Complete: complete, All: wireRow(p.All), Commands: wireRows(p.Commands), Servers: wireRows(p.Servers),
		Clients: wireRows(p.Clients), Errors: []errorWire{}, Keys: []keyWire{}, Largest: []largeWire{},
	}
	for _, e := range p.Errors {
		out.Errors = append(out.Errors, errorWire{e.Label, e.Count})
	}
	for _, k := range p.Keys {
		out.Keys = append(out.Keys, keyWire(k))
	}
	for _, l := range p.Largest {
		out.Largest = append(out.Largest, largeWire(l))
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func wireRows(rows []*Row) []rowWire {
	out := []rowWire{}
	for _, x := range rows {
		out = append(out, wireRow(x))
	}
	return out
}

func wireRow(x *Row) rowWire {
	return rowWire{
		Name: report.Printable(x.Name), Count: x.Count, Errors: x.Errors, NoReply: x.NoReply, In: x.In, Out: x.Out,
		Took: wireLatency(&x.Took), Blocked: wireLatency(&x.Blocked),
	}
}

func wireLatency(l *Latency) *quantiles {
	if l.Count() == 0 {
		return nil
	}
	return &quantiles{l.Count(), millis(l.Quantile(0.5)), millis(l.Quantile(0.9)), millis(l.Quantile(0.99)), millis(l.Max())}
}

func millis(d time.Duration) float64 { return float64(d.Round(time.Microsecond)) / 1e6 }
