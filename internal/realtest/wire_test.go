package realtest

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/respsniff/respsniff/resp"
)

// readPatience is how long a caller waits for a reply that is due. No command of these tests takes long.
const readPatience = 2 * time.Minute

// headSize is how much of a reply's text is kept: as much as analysis.Snippet keeps.
const headSize = 64

// frame is one reply as a caller read it.
type frame struct {
	start, end int64 // place in what the server sent
	kind       resp.Kind
	head       string   // beginning of the text; of an aggregate that of its first element
	elems      []string // kinds of the elements of an array
}

func (f frame) String() string {
	return fmt.Sprintf("%v %q, bytes %d to %d", f.kind, f.head, f.start, f.end)
}

// wire reads replies. It shares no code with the decoder under test.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	at   int64
}

// line reads one header line, without its end.
func (w *wire) line() (string, error) {
	text, err := w.in.ReadString('\n')
	w.at += int64(len(text))
	return strings.TrimSuffix(text, "\r\n"), err
}

// body reads the rest of a bulk string of n bytes and returns its beginning.
func (w *wire) body(n int) (string, error) {
	keep := make([]byte, min(n, headSize))
	for have := 0; have < len(keep); {
		m, err := w.in.Read(keep[have:])
		if have += m; err != nil {
			return "", err
		}
	}
	if _, err := w.in.Discard(n - len(keep) + len("\r\n")); err != nil {
		return "", err
	}
	w.at += int64(n + len("\r\n"))
	return string(keep), nil
}

// kindOf maps the first byte of a reply. A null of RESP2 is told by its length.
var kindOf = map[byte]resp.Kind{
	'+': resp.Simple, '-': resp.Error, ':': resp.Integer, '$': resp.Bulk, '*': resp.Array, '_': resp.Null, '%': resp.Map, '~': resp.Set,
	',': resp.Double, '#': resp.Boolean, '(': resp.Bignum, '=': resp.Verbatim, '>': resp.Push, '!': resp.Error,
}

// read reads one reply with all that is inside it.
func (w *wire) read() (f frame, err error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(readPatience)); err != nil {
		return f, err
	}
	f.start = w.at
	var open []int // values due in each aggregate around the next value
	for first := true; ; first = false {
		line, err := w.line()
		if err != nil {
			return f, err
		}
		if line == "" {
			return f, fmt.Errorf("an empty line at byte %d", w.at)
		}
		kind, text, inside := kindOf[line[0]], line[1:], 0
		switch line[0] {
		case '$', '!', '=', '*', '%', '~', '>':
			n, err := strconv.Atoi(text)
			if err != nil {
				return f, err
			}
			text = ""
			switch {
			case n < 0:
				kind = resp.Null
			case kind.Aggregate():
				if inside = n; kind == resp.Map {
					inside *= 2
				}
			default:
				if text, err = w.body(n); err != nil {
					return f, err
				}
			}
		}
		if kind == resp.NoKind {
			return f, fmt.Errorf("%q at byte %d is no reply", line, w.at)
		}
		switch {
		case first:
			f.kind, f.head = kind, text
		case len(open) == 1:
			if f.elems = append(f.elems, kind.String()); len(f.elems) == 1 {
				f.head = text
			}
		}
		if len(open) > 0 {
			open[len(open)-1]--
		}
		if inside > 0 {
			open = append(open, inside)
		}
		for len(open) > 0 && open[len(open)-1] == 0 {
			open = open[:len(open)-1]
		}
		if len(open) == 0 {
			f.head = f.head[:min(len(f.head), headSize)]
			f.end = w.at
			return f, nil
		}
	}
}
