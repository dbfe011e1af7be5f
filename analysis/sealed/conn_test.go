package sealed

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// talk is a conversation of which nobody can read a byte, and the exchanges that are made of it.
type talk struct {
	s     pairing.Session
	c     *Conn
	conn  *reassembly.Conn
	ends  [2]int64
	frame int64
	now   capture.Time
	pairs []string // "1<-3": write 1 was answered in frame 3
}

func newTalk() *talk {
	k := &talk{conn: &reassembly.Conn{ID: 1, Start: reassembly.Handshake}, now: 1e9}
	var set bound.Set
	k.s.Begin(pairing.NewShared(nil, false, &set), k, &reassembly.Segment{Conn: k.conn}, reassembly.A, pairing.BySYN)
	k.c = New(&k.s, NewLimits(&set))
	return k
}

// after lets time pass.
func (k *talk) after(d time.Duration) *talk {
	k.now = k.now.Add(d)
	return k
}

// sends has one side send a record with n bytes of content in a packet of its own, that acknowledges all that came.
func (k *talk) sends(who, n int) *talk { return k.packet(who, n, 0, k.ends[1-who]) }

// packet has one side send a record behind lost bytes of its own, with what it had received by then.
func (k *talk) packet(who, n int, lost, ack int64) *talk {
	k.frame++
	const around = 22 // header, type and tag
	seg := &reassembly.Segment{Conn: k.conn, From: reassembly.Side(who), Flags: reassembly.ACK, Time: k.now, Frame: k.frame, Ack: ack, Missing: lost}
	seg.Framing, seg.Length, seg.Sealed = around, n, true
	seg.Offset = k.ends[who] + lost + around
	k.ends[who] = seg.Offset + int64(n)
	k.c.Before(who, seg)
	if who == pairing.RoleClient {
		k.s.FromClient(seg)
		k.c.FromClient(seg)
	} else {
		k.s.FromServer(seg)
		k.c.FromServer(seg)
	}
	return k
}

func (k *talk) turn() *talk {
	return k.sends(pairing.RoleClient, 40).after(time.Millisecond).sends(pairing.RoleServer, 10).after(50 * time.Millisecond)
}

func (k *talk) Describe(pairing.Verb, *resp.Request, *pairing.Exchange) bool { return false }
func (k *talk) Sent(*pairing.Exchange, *resp.Request, *pairing.SegmentMark)  {}
func (k *talk) LeftOut(*pairing.Exchange)                                    {}
func (k *talk) Overrun()                                                     { k.pairs = append(k.pairs, "overrun") }
func (k *talk) Oddity(*pairing.Oddity)                                       {}
func (k *talk) Aligned(*pairing.Alignment)                                   {}
func (k *talk) ClientClosed()                                                {}
func (k *talk) Control(int, *reassembly.Segment)                             {}
func (k *talk) Served(ex *pairing.Exchange, _ *resp.Reply) {
	k.pairs = append(k.pairs, fmt.Sprintf("%d<-%d", ex.Index, ex.Serves.Frame))
}

func TestReplies(t *testing.T) {
	const client, server = pairing.RoleClient, pairing.RoleServer
	for _, test := range []struct {
		name string
		have *talk
		want string
	}{
		{"in turn", newTalk().turn().turn(), "1<-2 2<-4"},
		{"all that comes is one reply", newTalk().turn().sends(client, 40).sends(server, 1000).sends(server, 90).turn(), "1<-2 2<-4 3<-7"},
		{"a full record is continued", newTalk().turn().sends(client, 40).sends(server, fullContent).sends(server, 90).turn(), "1<-2 2<-5 3<-7"},
		{"a write of two records", newTalk().turn().sends(client, fullContent).sends(client, 90).sends(server, 5).turn(), "1<-2 2<-5 3<-7"},
		{"two writes, two records", newTalk().turn().sends(client, 40).after(9e6).sends(client, 40).after(9e6).sends(server, 10).after(1e4).sends(server, 10).after(9e6).turn(),
			"1<-2 2<-5 3<-6 4<-8"},
		{"two writes, one record: level behind a pause",
			newTalk().turn().turn().sends(client, 40).after(9e6).sends(client, 40).after(9e6).sends(server, 20).after(9e6).turn().turn(),
			"1<-2 2<-4 3<-7 4<-7 5<-9 6<-11"},
		{"from the first record on", newTalk().sends(client, 40).after(5e6).sends(client, 40).after(1e6).sends(server, 20).after(9e6).turn(), "1<-3 2<-3 3<-5"},
		{"one that the server had not yet is not answered by what came before",
			newTalk().turn().sends(client, 40).after(9e6).packet(server, 10, 0, 62).after(9e6).turn().turn(), "1<-2 2<-6 3<-6 4<-8"},
		{"the set-up is written ahead", newTalk().sends(client, 50).after(1e5).sends(client, 60).after(1e6).sends(server, 20).after(9e6).turn(), "1<-3 2<-5"},
		{"pieces of a command", newTalk().turn().sends(client, 1).after(3e6).sends(client, 1).after(3e6).sends(client, 30).sends(server, 5).after(9e6).turn(), "1<-2 2<-6 3<-8"},
		{"a lost reply", newTalk().turn().sends(client, 40).after(9e6).sends(client, 40).packet(server, 10, 32, 186).after(9e6).turn(), "1<-2 3<-5 4<-7"},
	} {
		if have := strings.Join(test.have.pairs, " "); have != test.want {
			t.Errorf("%s: %s, want %s", test.name, have, test.want)
		}
	}
}

// TestStreams: who speaks unasked is no server of commands, be it that a piece of a reply came late.
func TestStreams(t *testing.T) {
	k := newTalk().turn().turn().sends(pairing.RoleServer, 30)
	if k.s.Streams {
		t.Error("one record unasked")
	}
	for range 3 {
		k.after(time.Second).sends(pairing.RoleServer, 30)
	}
	if !k.s.Streams || k.s.Asks() {
		t.Error("four records unasked, and it is taken for a connection of commands")
	}
}

// TestOpenIsBounded: a peer that never answers costs no more than the bound.
func TestOpenIsBounded(t *testing.T) {
	k := newTalk().turn()
	for range 3 * maxOpen {
		k.after(5*time.Millisecond).packet(pairing.RoleClient, 40, 0, k.ends[1])
	}
	if n := k.s.Pending.Len(); n > maxOpen || !slices.Contains(k.pairs, "overrun") {
		t.Errorf("%d writes wait", n)
	}
}
