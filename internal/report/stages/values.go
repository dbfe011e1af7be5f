package stages

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// Values are the decoders of one connection, apart from those of the analysis. Each direction is decoded by itself. The client
// is whoever opened the connection, or else the first to send bytes that begin a command.
type Values struct {
	known   bool
	client  reassembly.Side
	request resp.RequestDecoder
	reply   resp.ReplyDecoder
}

func (d *Values) begin(s *reassembly.Segment) {
	d.known = true
	switch {
	case s.Conn.Start != reassembly.MidStream:
		d.client = reassembly.A
	case len(s.Payload) > 0 && (s.Payload[0] == '*' || s.Payload[0] >= 'A'):
		d.client = s.From
	default:
		d.client = s.From.Other()
	}
}

// Write writes the values that end in a segment.
func (d *Values) Write(w io.Writer, s *reassembly.Segment) error {
	if !d.known && s.Length > 0 {
		d.begin(s)
	}
	unseen := s.Length - len(s.Payload)
	place := fmt.Sprintf("%s conn=%d frame=%d", report.Stamp(s.Time), s.Conn.ID, s.Frame)
	if s.From != d.client {
		if s.Missing > 0 {
			d.reply.Gap(s.Missing)
		}
		d.reply.Feed(s.Payload, unseen)
		var r resp.Reply
		return drain(w, place, func() (string, error) {
			err := d.reply.Next(&r)
			return replyLine(&r), err
		})
	}
	if s.Missing > 0 {
		d.request.Gap(s.Missing)
	}
	d.request.Feed(s.Payload, unseen)
	var q resp.Request
	return drain(w, place, func() (string, error) {
		err := d.request.Next(&q)
		if err != nil {
			return "", err
		}
		return requestLine(&q), nil
	})
}

func drain(w io.Writer, place string, next func() (string, error)) error {
	for {
		line, err := next()
		var syntax *resp.SyntaxError
		switch {
		case err == nil:
		case errors.Is(err, resp.ErrShort):
			return nil
		case errors.As(err, &syntax):
			line = "not RESP: " + report.Printable(syntax.Error())
		default:
			return err
		}
		if _, err := fmt.Fprintf(w, "%s %s\n", place, line); err != nil {
			return err
		}
	}
}

func requestLine(q *resp.Request) string {
	name := strings.ToUpper(string(q.Name()))
	if !commands.IsName(q.Name()) && (!commands.IsWord(q.Name()) || q.Inline || q.Resynced || q.Doubtful) { // it may be a password in the place of a name
		name = fmt.Sprintf("word of %d bytes", len(name))
	}
	line := fmt.Sprintf("> [%d,%d) %s, %d arguments", q.Start, q.End, report.Printable(name), q.NArgs)
	return line + marks(q.LostBefore, q.Resynced, q.Opaque)
}

func replyLine(r *resp.Reply) string {
	return fmt.Sprintf("< [%d,%d) %v n=%d", r.Start, r.End, r.Kind, r.N) + marks(r.LostBefore, r.Resynced, r.Opaque)
}

func marks(lost int64, resynced, opaque bool) string {
	text := ""
	if lost > 0 {
		text += fmt.Sprintf(" lost=%d", lost)
	}
	if resynced {
		text += " resynced"
	}
	if opaque {
		text += " opaque"
	}
	return text
}
