package evidence

import (
	"context"
	"io"
	"iter"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// Comments attaches the facts of findings to the frames of captures that show them.
func (c *Cutter) Comments(captures []capture.FileInfo, found []incident.Finding) {
	files := map[string]int32{}
	for i := range captures {
		files[captures[i].Name] = int32(i)
	}
	for i := range found {
		f := &found[i]
		for j := range f.Examples {
			if file, ok := files[f.Examples[j].File]; ok {
				c.Example(file, f, j)
			}
		}
	}
}

// Copy writes the packets to cut of the captures with these names as pcapng, behind the secrets of TLS, if there are any, and counts
// them in account. Errors of reading are left out: the first pass told them.
func (c *Cutter) Copy(ctx context.Context, w io.Writer, packets iter.Seq2[capture.Packet, error], names []string, secrets []byte, account *Account) error {
	out, err := capture.NewWriter(countingWriter{w, &account.Bytes}, capture.WriterOptions{Comment: "cut by respsniff from " + report.Printable(strings.Join(names, " "))})
	if err != nil {
		return err
	}
	if len(secrets) > 0 {
		if err := out.Secrets(secrets); err != nil {
			return err
		}
	}
	for p, err := range packets {
		if err != nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if cut, text, keep := c.Cut(p); keep {
			if err := out.Write(cut, text); err != nil {
				return err
			}
			account.Packets++
		}
	}
	return nil
}

// countingWriter counts what goes through.
type countingWriter struct {
	w io.Writer
	n *int64
}

func (c countingWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	*c.n += int64(n)
	return n, err
}
