package traffic

import (
	"encoding/json"
	"io"
	"math"
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
	*rates
	// Share of all waiting for replies, blocking commands apart: 0 to 1.
	Share float64 `json:"time_share"`
}

// rates are absent where the traffic spans too little time.
type rates struct {
	Commands float64 `json:"commands_per_second"`
	In       float64 `json:"bytes_in_per_second"`
	Out      float64 `json:"bytes_out_per_second"`
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
	File    string `json:"file,omitempty"`
	Frame   int64  `json:"frame"`
}

type slowWire struct {
	Took    float64      `json:"took_ms"`
	Time    report.Stamp `json:"time"`
	Command string       `json:"command"`
	Key     string       `json:"key,omitempty"`
	Conn    int64        `json:"conn"`
	Client  string       `json:"client"`
	Server  string       `json:"server"`
	File    string       `json:"file,omitempty"`
	Frame   int64        `json:"frame"`
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
	SchemaVersion int           `json:"schema_version"`
	Complete      bool          `json:"complete"`
	From          *report.Stamp `json:"from,omitempty"`
	To            *report.Stamp `json:"to,omitempty"`
	Seconds       float64       `json:"seconds"` // 0: too short for rates
	All           rowWire       `json:"all"`
	Commands      []rowWire     `json:"commands"`
	Servers       []rowWire     `json:"servers"`
	Clients       []rowWire     `json:"clients"`
	Errors        []errorWire   `json:"errors"`
	Keys          []keyWire     `json:"hot_keys"`
	Largest       []largeWire   `json:"largest"`
	Slowest       []slowWire    `json:"slowest"`
}

// WriteJSON writes the report as one document. complete says whether the input was read whole.
func (p *Report) WriteJSON(w io.Writer, complete bool) error {
	out := reportWire{
		SchemaVersion: report.SchemaVersion, Complete: complete, Seconds: p.Seconds(), All: p.wireRow(p.All), Commands: p.wireRows(p.Commands),
		Servers: p.wireRows(p.Servers), Clients: p.wireRows(p.Clients), Errors: []errorWire{}, Keys: []keyWire{}, Largest: []largeWire{}, Slowest: []slowWire{},
	}
	if p.All.Count > 0 {
		from, to := report.Stamp(p.From), report.Stamp(p.To)
		out.From, out.To = &from, &to
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
	for _, s := range p.Slowest {
		out.Slowest = append(out.Slowest, slowWire{millis(s.Took), s.Time, s.Command, s.Key, s.Conn, s.Client, s.Server, s.File, s.Frame})
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func (p *Report) wireRows(rows []*Row) []rowWire {
	out := []rowWire{}
	for _, x := range rows {
		out = append(out, p.wireRow(x))
	}
	return out
}

func (p *Report) wireRow(x *Row) rowWire {
	w := rowWire{
		Name: report.Printable(x.Name), Count: x.Count, Errors: x.Errors, NoReply: x.NoReply, In: x.In, Out: x.Out,
		Took: wireLatency(&x.Took), Blocked: wireLatency(&x.Blocked),
		Share: rounded(p.Share(x), 4),
	}
	if s := p.Seconds(); s > 0 {
		w.rates = &rates{rounded(float64(x.Count)/s, 3), rounded(float64(x.In)/s, 3), rounded(float64(x.Out)/s, 3)}
	}
	return w
}

// rounded gives a number with so many decimals.
func rounded(x float64, decimals int) float64 {
	scale := math.Pow10(decimals)
	return math.Round(x*scale) / scale
}

func wireLatency(l *Latency) *quantiles {
	if l.Count() == 0 {
		return nil
	}
	return &quantiles{l.Count(), millis(l.Quantile(0.5)), millis(l.Quantile(0.9)), millis(l.Quantile(0.99)), millis(l.Max())}
}

func millis(d time.Duration) float64 { return float64(d.Round(time.Microsecond)) / 1e6 }
