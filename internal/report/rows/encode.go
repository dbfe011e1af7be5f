package rows

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// encoder writes rows as encoding/json does, byte for byte, without reflection and without memory for each row.
type encoder struct {
	buf    []byte
	second int64 // of prefix
	prefix []byte
}

// row appends a row to the buffer, in place of the one before.
func (e *encoder) row(row Row) (err error) {
	e.buf = e.buf[:0]
	if x, ok := row.(*Exchange); ok {
		e.exchange(x)
		return nil
	}
	b, err := json.Marshal(row)
	e.buf = append(e.buf, b...)
	return err
}

func (e *encoder) exchange(x *Exchange) {
	e.text(`{"type":`, x.Type)
	e.optional(`,"run":`, x.Run)
	e.optional(`,"host":`, x.Host)
	e.number(`,"conn":`, x.Conn)
	e.text(`,"client":`, x.Client)
	e.text(`,"server":`, x.Server)
	e.number(`,"index":`, int64(x.Index))
	e.text(`,"command":`, x.Command)
	if x.Key != nil {
		e.text(`,"key":`, *x.Key)
	}
	e.optional(`,"flow":`, x.Flow)
	e.optional(`,"file":`, x.File)
	e.number(`,"frame":`, x.Frame)
	e.time(`,"time":`, x.Time)
	e.number(`,"outstanding":`, int64(x.Outstanding))
	for i, word := range x.Flags {
		if i == 0 {
			e.text(`,"flags":[`, word)
		} else {
			e.text(`,`, word)
		}
	}
	if len(x.Flags) > 0 {
		e.buf = append(e.buf, ']')
	}
	if x.Exec != nil {
		e.number(`,"exec":{"element":`, int64(x.Exec.Element))
		e.text(`,"kind":`, x.Exec.Kind)
		if x.Exec.Bytes != 0 {
			e.number(`,"bytes":`, x.Exec.Bytes)
		}
		if x.Exec.Elements != 0 {
			e.number(`,"elements":`, x.Exec.Elements)
		}
		e.buf = append(e.buf, '}')
	}
	e.serves(x.Serves)
	e.believes(x.Believes)
	e.buf = append(e.buf, '}')
}

func (e *encoder) serves(s *Serves) {
	if s == nil {
		e.buf = append(e.buf, `,"serves":null`...)
		return
	}
	e.number(`,"serves":{"index":`, int64(s.Index))
	e.number(`,"frame":`, s.Frame)
	e.time(`,"time":`, s.Time)
	e.text(`,"kind":`, s.Kind)
	e.number(`,"bytes":`, s.Bytes)
	e.optional(`,"error":`, s.Error)
	e.optional(`,"value":`, s.Value)
	e.buf = append(e.buf, '}')
}

func (e *encoder) believes(b *Believes) {
	switch {
	case b == nil:
		e.buf = append(e.buf, `,"believes":null`...)
		return
	case b.Index != 0:
		e.number(`,"believes":{"index":`, int64(b.Index))
		e.text(`,"confidence":`, b.Confidence)
	default:
		e.text(`,"believes":{"confidence":`, b.Confidence)
	}
	e.buf = append(e.buf, '}')
}

func (e *encoder) number(name string, n int64) {
	e.buf = strconv.AppendInt(append(e.buf, name...), n, 10)
}

func (e *encoder) optional(name, s string) {
	if s != "" {
		e.text(name, s)
	}
}

// text appends a string. What encoding/json escapes is left to it.
func (e *encoder) text(name, s string) {
	e.buf = append(e.buf, name...)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			b, err := json.Marshal(s)
			if err == nil { // of a string there is none
				e.buf = append(e.buf, b...)
			}
			return
		}
	}
	e.buf = append(append(append(e.buf, '"'), s...), '"')
}

// time appends a moment as report.Stamp writes it. The date and the second are those of the moment before, mostly.
func (e *encoder) time(name string, at report.Stamp) {
	e.buf = append(append(e.buf, name...), '"')
	second, nano := int64(at)/1e9, int64(at)%1e9
	if nano < 0 {
		second, nano = second-1, nano+1e9
	}
	if len(e.prefix) == 0 || e.second != second {
		e.second, e.prefix = second, capture.Time(at).Std().AppendFormat(e.prefix[:0], time.DateOnly+"T"+time.TimeOnly+".")
	}
	e.buf = append(e.buf, e.prefix...)
	digits := 9
	if nano%1000 == 0 {
		nano, digits = nano/1000, 6
	}
	at0 := len(e.buf)
	e.buf = append(e.buf, "000000000"[:digits]...)
	for i := at0 + digits - 1; nano > 0; i-- {
		e.buf[i] = byte('0' + nano%10)
		nano /= 10
	}
	e.buf = append(e.buf, `Z"`...)
}
