package live

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/filter"
	"github.com/respsniff/respsniff/internal/notice"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testtls"
)

// spoken is a conversation of three commands over TLS 1.3 as packets, and its key log.
func spoken(t *testing.T) (text []byte, log string) {
	t.Helper()
	talk, err := testtls.Speak(0, testtls.Exchange{Request: "*1\r\n$4\r\nPING\r\n", Reply: "+PONG\r\n"},
		testtls.Exchange{Request: "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", Reply: "$1\r\nx\r\n"}, testtls.Exchange{Request: "*2\r\n$3\r\nGET\r\n$1\r\nb\r\n", Reply: "$-1\r\n"})
	if err != nil {
		t.Fatal(err)
	}
	return []byte("conn c1 10.0.0.1:40001 -> 10.0.0.2:6379\n" + talk.Scenario("c1")), talk.KeyLog
}

func runOf(t *testing.T, source Source, o *Options) *run {
	t.Helper()
	o.Memory, o.Filter = 1<<40, &filter.Filter{}
	if o.Log.W == nil {
		o.Log.W = io.Discard
	}
	l := newRun(source, o)
	if err := l.keys.open(l.source, l.o, l.log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.keys.close)
	return l
}

func commands(l *run) int64 {
	l.analyse(context.Background(), l.source.Packets(context.Background()))
	return l.analysis.Summary().Commands
}

// TestKeyLogIsFollowed: a client writes the secrets of a connection while its handshake passes. Without them nothing is read.
func TestKeyLogIsFollowed(t *testing.T) {
	text, log := spoken(t)
	for _, c := range []struct {
		name   string
		before bool // it is there when the run begins
		at     int  // packet before which it is written
		want   int64
	}{
		{"whole before", true, 0, 3},
		{"during the handshake", true, 6, 3},
		{"not there at first", false, 2, 3},
		{"late", true, 16, 3},
		{"at the end", true, 1000, 0},
	} {
		var errout bytes.Buffer
		name := filepath.Join(t.TempDir(), "keys")
		if c.before {
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write := func() {
			if err := os.WriteFile(name, []byte(log), 0o600); err != nil {
				t.Error(err)
			}
		}
		source := writtenSource(t, text)
		if source.seen = func(n int) {
			if n == c.at {
				write()
			}
		}; c.at == 0 {
			write()
		}
		l := runOf(t, source, &Options{Keylogs: []string{name}, Log: notice.Log{W: &errout}})
		if got := commands(l); got != c.want {
			t.Errorf("%s: %d commands, want %d", c.name, got, c.want)
		}
		if said := strings.Contains(errout.String(), "is not there yet"); said == c.before {
			t.Errorf("%s: said %q", c.name, errout.String())
		}
	}
}

func TestKeyLogThatCannotBeReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	l := newRun(&written{}, &Options{Keylogs: []string{dir}, Filter: &filter.Filter{}})
	if err := l.keys.open(l.source, l.o, l.log); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v", err)
	}
	var errout bytes.Buffer
	l = newRun(&written{}, &Options{KeylogDefault: dir, Filter: &filter.Filter{}, Log: notice.Log{W: &errout}})
	if err := l.keys.open(l.source, l.o, l.log); err != nil || !strings.Contains(errout.String(), "SSLKEYLOGFILE") {
		t.Errorf("%v, said %q", err, errout.String())
	}
}

// TestSecretsOfStandardInput: a capture from standard input may hold the secrets.
func TestSecretsOfStandardInput(t *testing.T) {
	text, log := spoken(t)
	s, err := scenario.Parse("live", text)
	if err != nil {
		t.Fatal(err)
	}
	var packets []capture.Packet
	for p, err := range s.Packets() {
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, p)
	}
	for _, c := range []struct{ secretsAt, want int }{{0, 3}, {5, 3}, {len(packets), 0}} {
		var file bytes.Buffer
		w, err := capture.NewWriter(&file, capture.WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(packets) + 1 {
			if i == c.secretsAt {
				if err := w.Secrets([]byte(log)); err != nil {
					t.Fatal(err)
				}
			}
			if i < len(packets) {
				if err := w.Write(packets[i], ""); err != nil {
					t.Fatal(err)
				}
			}
		}
		stdin := ReadFrom(&file)
		l := runOf(t, stdin, &Options{})
		if got := commands(l); got != int64(c.want) {
			t.Errorf("secrets before packet %d: %d commands, want %d", c.secretsAt, got, c.want)
		}
		if l.input.Packets != int64(len(packets)) {
			t.Errorf("%d packets of %d", l.input.Packets, len(packets))
		}
		stdin.Close()
	}
}
