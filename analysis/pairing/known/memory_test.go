package known

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

func request(words ...string) *resp.Request {
	r := &resp.Request{NArgs: len(words)}
	for _, w := range words {
		r.Args = append(r.Args, resp.Arg{Bytes: []byte(w), Len: len(w)})
	}
	return r
}

func bulk(text string) *resp.Reply {
	return &resp.Reply{Kind: resp.Bulk, N: int64(len(text)), Text: []byte(text)}
}

// of returns the facts of a command in a place.
func of(place uint64, words ...string) Facts {
	r := request(words...)
	return Of(place, commands.Lookup(r), r)
}

// TestFacts: what a command writes is what the one that reads it asks, in its own database and nowhere else.
func TestFacts(t *testing.T) {
	server := netip.MustParseAddrPort("10.0.0.1:6379")
	here := Place(server, 0)
	ok, one := &resp.Reply{Kind: resp.Simple, Text: []byte("OK")}, &resp.Reply{Kind: resp.Integer, N: 1}
	for _, c := range []struct {
		wrote  []string
		reply  *resp.Reply
		asks   []string
		answer *resp.Reply // nil: nothing is known then
	}{
		{[]string{"SET", "k", "v"}, ok, []string{"get", "k"}, bulk("v")},
		{[]string{"SETEX", "k", "9", "v"}, ok, []string{"GET", "k"}, bulk("v")},
		{[]string{"SETNX", "k", "v"}, one, []string{"GET", "k"}, bulk("v")},
		{[]string{"SETNX", "k", "v"}, &resp.Reply{Kind: resp.Integer}, []string{"GET", "k"}, nil},
		{[]string{"SET", "k", "v", "NX"}, &resp.Reply{Kind: resp.Null, N: -1}, []string{"GET", "k"}, nil},
		{[]string{"SET", "k", "v"}, &resp.Reply{Kind: resp.Simple, Text: []byte("QUEUED")}, []string{"GET", "k"}, nil},
		{[]string{"INCRBY", "k", "5"}, &resp.Reply{Kind: resp.Integer, N: 17}, []string{"GET", "k"}, bulk("17")},
		{[]string{"HSET", "h", "f", "v"}, one, []string{"HGET", "h", "f"}, bulk("v")},
		{[]string{"HSET", "h", "f", "v"}, one, []string{"HGET", "h", "g"}, nil},
		{[]string{"SET", "k", "v"}, ok, []string{"GET", "kk"}, nil},
	} {
		var m Memory
		var last Answer
		f := of(here, c.wrote...)
		m.Answered(&f, c.reply, &last)
		q := of(here, c.asks...).Asks
		switch {
		case q == 0:
			t.Errorf("%v asks nothing", c.asks)
		case c.answer == nil && m.Exists(q), c.answer != nil && m.recall(q) != Value(c.answer):
			t.Errorf("%v, then %v: %x is known", c.wrote, c.asks, m.recall(q))
		}
		for _, place := range []uint64{Place(server, 1), Place(server, UnknownDatabase), Place(netip.MustParseAddrPort("10.0.0.1:6380"), 0)} {
			if m.recall(of(place, c.asks...).Asks) != 0 {
				t.Errorf("%v is known elsewhere", c.wrote)
			}
		}
	}
}

// TestRatio: how much a value says follows from how often values are those of other keys.
func TestRatio(t *testing.T) {
	here := Place(netip.MustParseAddrPort("10.0.0.1:6379"), 0)
	read := func(m *Memory, last *Answer, key, value string) {
		f := of(here, "GET", key)
		m.Answered(&f, bulk(value), last)
	}
	question := func(key string) uint64 { return of(here, "GET", key).Asks }
	var own, same, changing Memory
	var last [3]Answer
	for round := range 50 {
		for key := range 10 {
			k := fmt.Sprint("k", key)
			read(&own, &last[0], k, fmt.Sprint("v", key))
			read(&same, &last[1], k, "v")
			read(&changing, &last[2], k, fmt.Sprint("v", (key+round)%10)) // what the key before had in the last round
		}
	}
	value := func(v string) uint64 { return Value(bulk(v)) }
	if r := own.Ratio(question("k1"), question("k2"), value("v2")); r > 0.01 {
		t.Errorf("a value of its own: %v", r)
	}
	if r := own.Ratio(question("k1"), question("k2"), value("v1")); r < 100 {
		t.Errorf("the key's own value: %v", r)
	}
	if r := own.Ratio(question("k1"), question("k2"), value("new")); r != 1 {
		t.Errorf("an unknown value: %v", r)
	}
	if r := own.Ratio(question("k1"), question("unknown"), value("v2")); r != 1 {
		t.Errorf("an unknown key: %v", r)
	}
	if r := same.Ratio(question("k1"), question("k2"), value("v")); r != 1 {
		t.Errorf("keys that share a value: %v", r)
	}
	for key := range 9 {
		for v := range 10 {
			if r := changing.Ratio(question(fmt.Sprint("k", key)), question(fmt.Sprint("k", key+1)), value(fmt.Sprint("v", v))); r < 0.1 {
				t.Errorf("values that wander: %v", r)
			}
		}
	}
	before := own.Ratio(question("k1"), question("k2"), value("v2"))
	own.Mistaken(20)
	if r := own.Ratio(question("k1"), question("k2"), value("v2")); r < 10*before {
		t.Errorf("after mistakes: %v, before %v", r, before)
	}
}
