package capture_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/trial"
)

// openLive opens interfaces or skips the test where that is not possible.
func openLive(t *testing.T, o capture.LiveOptions) *capture.Live {
	t.Helper()
	l, err := capture.OpenLive(o)
	if errors.Is(err, capture.ErrRights) || errors.Is(err, capture.ErrUnsupported) {
		t.Skipf("cannot capture here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// talk sends n messages over a loopback connection and has each echoed.
func talk(t *testing.T, l net.Listener, n int) {
	t.Helper()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, 64)
		for {
			k, err := c.Read(b)
			if err != nil {
				return
			}
			if _, err := c.Write(b[:k]); err != nil {
				return
			}
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	b := make([]byte, 64)
	for i := range n {
		if _, err := fmt.Fprintf(c, "message %06d", i); err != nil {
			t.Error(err)
		}
		if _, err := c.Read(b); err != nil {
			t.Error(err)
		}
	}
}

func TestLiveLoopback(t *testing.T) {
	for _, device := range []string{"lo", capture.AnyInterface} {
		t.Run(device, func(t *testing.T) {
			trial.Run(t, func(r *trial.Trial) { loopback(t, r, device) })
		})
	}
}

// slack is how far times of packets may be from those of a machine that did nothing else: a wrong unit or zone is farther.
const slack = time.Minute

// loopback captures a conversation and holds what is captured against what was sent.
func loopback(t *testing.T, r *trial.Trial, device string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	live := openLive(t, capture.LiveOptions{
		Interfaces: []string{device}, Filter: capture.LiveFilter{Ports: []uint16{port}}, Buffer: 4 << 20, Tick: 20 * time.Millisecond,
	})
	const messages = 500
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	sent := make(chan struct{})
	go func() {
		talk(t, l, messages)
		close(sent)
	}()
	seen := map[string]int{}
	ticks, frames := 0, int64(0)
	var latest capture.Time
	var quiet time.Time
	for p, err := range live.Packets(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if p.Length == 0 {
			ticks++
			if p.Time < latest {
				t.Errorf("a tick at %v after a packet of %v", p.Time.Std(), latest.Std())
			}
			latest = p.Time
			select {
			case <-sent:
				if quiet.IsZero() {
					quiet = time.Now()
				}
				if wait := time.Since(quiet); wait > 10*time.Second || len(seen) == 2*messages && ticks >= 5 && wait > 300*time.Millisecond {
					cancel()
				}
			default:
			}
			continue
		}
		if ticks > 0 && latest.Sub(p.Time) > slack {
			t.Errorf("a packet of %v after %v", p.Time.Std(), latest.Std())
		}
		latest = max(latest, p.Time)
		if frames++; p.Frame != frames {
			t.Fatalf("frame %d, want %d", p.Frame, frames)
		}
		if d := time.Since(p.Time.Std()); d.Abs() > slack {
			t.Errorf("frame %d is %v old", p.Frame, d)
		}
		if i := bytes.Index(p.Data, []byte("message ")); i >= 0 {
			// The source port separates the two directions.
			ports := p.Data[i-32:]
			seen[fmt.Sprint(binary.BigEndian.Uint16(ports) == port, string(p.Data[i:]))]++
		}
	}
	d, err := live.Drops()
	if err != nil || !d.Known || d.Received < frames {
		t.Errorf("%+v %v after %d packets", d, err, frames)
	}
	again, err := live.Drops()
	if err != nil || again.Received < d.Received {
		t.Errorf("counters went back: %+v after %+v", again, d)
	}
	r.Dropped = d.Kernel + d.Interface
	if len(seen) != 2*messages {
		r.Errorf("%d distinct messages, want %d", len(seen), 2*messages)
	}
	for m, n := range seen {
		if n != 1 {
			t.Errorf("%s was captured %d times", m, n)
		}
	}
	if ticks < 5 {
		t.Errorf("%d ticks", ticks)
	}
}

func TestLiveSnaplenCuts(t *testing.T) {
	trial.Run(t, func(r *trial.Trial) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		live := openLive(t, capture.LiveOptions{
			Interfaces: []string{"lo"}, Filter: capture.LiveFilter{Ports: []uint16{uint16(l.Addr().(*net.TCPAddr).Port)}}, Snaplen: 70, Buffer: 4 << 20,
		})
		var talking sync.WaitGroup
		talking.Go(func() { talk(t, l, 3) })
		defer talking.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for p, err := range live.Packets(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Data) > 70 {
				t.Fatalf("%d bytes of %d were captured", len(p.Data), p.Length)
			}
			if p.Length > 70 && len(p.Data) == 70 {
				return
			}
		}
		if d, err := live.Drops(); err == nil {
			r.Dropped = d.Kernel + d.Interface
		}
		r.Errorf("no packet was cut")
	})
}

func TestOpenLiveRefuses(t *testing.T) {
	if capture.LiveMethod() == "" {
		t.Skip("this build cannot capture")
	}
	for name, o := range map[string]capture.LiveOptions{
		"snapshot length": {Snaplen: 10},
		"buffer":          {Buffer: 1000},
		"twice":           {Interfaces: []string{"lo", "lo"}},
		"any and more":    {Interfaces: []string{"any", "lo"}},
	} {
		if l, err := capture.OpenLive(o); err == nil {
			l.Close()
			t.Errorf("%s: no error", name)
		}
	}
	l, err := capture.OpenLive(capture.LiveOptions{Interfaces: []string{"no-such-device"}})
	if err == nil {
		l.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, capture.ErrRights) {
		t.Errorf("unknown interface: %v", err)
	}
}

func TestListInterfaces(t *testing.T) {
	list, err := capture.ListInterfaces()
	if err != nil {
		t.Skip(err)
	}
	for _, i := range list {
		if i.Loopback && i.Link != capture.LinkEthernet && capture.LiveMethod() == "AF_PACKET ring" {
			t.Errorf("%+v", i)
		}
	}
	if len(list) == 0 {
		t.Error("no interface, not even loopback")
	}
}
