package scenario

import (
	"fmt"
	"iter"
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Scenario is a parsed conversation with what it must cause.
type Scenario struct {
	Name string
	// Silent says that nothing of RS1xx to RS4xx may be reported, except what Wants and Allow name. Where it is not set
	// that holds too: it marks a scenario whose point is the silence.
	Silent bool
	Wants  []Want
	Allow  []string // rules that may be reported beside the wanted ones
	// Believes and Serves are rows of `pairs` that must come out.
	Believes, Serves []Pairing
	// ReadTimeouts and Policies hold the arguments of read-timeout and policy statements ("10.0.0.1=50ms"), Options
	// those of option statements; the last of several equal keys wins.
	ReadTimeouts, Policies []string
	Options                map[string]string
	// Conns lists the connections in order of declaration.
	Conns []Conn

	base    time.Time
	link    linkStyle
	vantage side
	conns   []*connection
	actions []action
	damages []Damage
}

// Conn is a connection of a scenario.
type Conn struct {
	Name           string
	Client, Server netip.AddrPort
	Commands       int // whole requests that the client sends
}

// Want is a finding that must be reported.
type Want struct {
	Rule       string // "RS101"; "none": nothing may be reported on Conn
	Confidence string // the least that will do: proven, strong, likely, possible; empty: any
	Min, Max   int    // bounds of the finding's count; Min is at least 1 but for none, Max 0: no bound
	Conn       string // name of the connection whose line carries it; empty: anywhere
	Command    int    // number of the command on that line, from 1; 0: the line is not a request
	Time       capture.Time
	Line       int // in the scenario's text
}

// Pairing says whose reply a command is paired with.
type Pairing struct {
	Conn       string
	Command    int    // from 1
	Reply      int    // the command whose reply it is; 0: none
	Confidence string // the least that will do, for Believes; empty: any
	Line       int
}

// Error is a fault in a scenario's text.
type Error struct {
	Name string
	Line int // from 1
	Msg  string
}

// Error gives the place as compilers do.
func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.Name, e.Line, e.Msg) }

// Conn returns the connection of that name.
func (s *Scenario) Conn(name string) (Conn, bool) {
	for _, c := range s.Conns {
		if c.Name == name {
			return c, true
		}
	}
	return Conn{}, false
}

// Time converts a distance from the start to the time that packets carry.
func (s *Scenario) Time(d time.Duration) capture.Time { return capture.TimeOf(s.base).Add(d) }

// Packets gives the conversation as packets in order of time, then damaged as the scenario says, the same each time it
// is called. Their Data is not borrowed. No error occurs; the pair is what packet consumers take.
func (s *Scenario) Packets() iter.Seq2[capture.Packet, error] {
	if len(s.damages) == 0 {
		return s.play
	}
	return func(yield func(capture.Packet, error) bool) {
		for _, p := range s.List() {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// play gives the packets as they were on the wire.
func (s *Scenario) play(yield func(capture.Packet, error) bool) {
	w := wire{s: s, yield: yield}
	w.run()
}

// List returns Packets as a slice.
func (s *Scenario) List() []capture.Packet {
	var out []capture.Packet
	for p, err := range s.play {
		if err != nil {
			break
		}
		out = append(out, p)
	}
	if len(s.damages) > 0 {
		out = Apply(out, s.damages...)
	}
	return out
}

// side is one end of a connection.
type side uint8

const (
	client side = 0
	server side = 1
)

func (s side) other() side { return s ^ 1 }
