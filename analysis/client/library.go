package client

import (
	"bytes"
	"strings"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/resp"
)

// Library is what is known of a client library, by its own word or by its habits.
type Library struct {
	Name    string
	Version string
	Policy  Policy
	Cancels bool // its calls can be cancelled from outside: a gap shorter than the read timeout proves nothing
	Awaits  bool // it waits for each reply of its connection set-up
	Guessed bool // from habits, not from a name that it gave
}

// libraries are the known ones: what each calls itself in CLIENT SETINFO LIB-NAME, in lower case, and how it uses a
// connection. redis-rs has no policy of its own: its synchronous and its multiplexed connection give the same name.
var libraries = []Library{
	{Name: "jedis", Policy: PolicyLockstep},
	{Name: "redis-py", Policy: PolicyLockstep, Cancels: true}, // asyncio writes its set-up ahead
	{Name: "go-redis", Policy: PolicyLockstep, Cancels: true},
	{Name: "redigo", Policy: PolicyLockstep, Cancels: true, Awaits: true},
	{Name: "rueidis", Policy: PolicyMultiplex, Cancels: true},
	{Name: "lettuce", Policy: PolicyMultiplex, Cancels: true},
	{Name: "ioredis", Policy: PolicyMultiplex, Cancels: true},
	{Name: "node-redis", Policy: PolicyMultiplex, Cancels: true},
	{Name: "iovalkey", Policy: PolicyMultiplex, Cancels: true},
	{Name: "se.redis", Policy: PolicyMultiplex, Cancels: true},
	{Name: "stackexchange.redis", Policy: PolicyMultiplex, Cancels: true},
	{Name: "nredisstack", Policy: PolicyMultiplex, Cancels: true},
	{Name: "redisson", Policy: PolicyMultiplex, Cancels: true},
	{Name: "glide", Policy: PolicyMultiplex, Cancels: true},
	{Name: "glidepy", Policy: PolicyMultiplex, Cancels: true},
	{Name: "glidejs", Policy: PolicyMultiplex, Cancels: true},
	{Name: "redis-rs", Cancels: true},
	{Name: "redis-rb", Policy: PolicyLockstep},
	{Name: "redis-client", Policy: PolicyLockstep},
	{Name: "predis", Policy: PolicyLockstep},
	{Name: "phpredis", Policy: PolicyLockstep},
	{Name: "fred", Policy: PolicyMultiplex, Cancels: true},
	{Name: "redix", Policy: PolicyMultiplex, Cancels: true},
	{Name: "valkey-py", Policy: PolicyLockstep, Cancels: true},
	{Name: "valkey-go", Policy: PolicyMultiplex, Cancels: true},
}

// libraryNamed finds the library that calls itself name: "go-redis(,go1.21)" is go-redis.
func libraryNamed(name string) Library {
	low := strings.ToLower(name)
	best := Library{Name: cleanName(low), Cancels: true}
	longest := 0
	for _, l := range libraries {
		if strings.HasPrefix(low, l.Name) && len(l.Name) > longest {
			best, longest = l, len(l.Name)
		}
	}
	return best
}

// cleanName keeps what a library's name may be made of; anything else in the text from the wire is dropped.
func cleanName(s string) string {
	keep := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return -1
	}
	s, _, _ = strings.Cut(s, "(")
	s = strings.Map(keep, s)
	return s[:min(len(s), 32)]
}

// handshake is what a connection's first commands say about its client.
type handshake struct {
	done      bool
	commands  int
	signature uint64 // of the names, in order
	library   Library
	named     bool
	sentinel  bool
}

// handshakeCommands is how many commands from the start may belong to the set-up of a connection.
const handshakeCommands = 12

// setUp reports whether a command is one that libraries send to set a connection up.
func setUp(v pairing.Verb, req *resp.Request) bool {
	switch v {
	case pairing.VerbHello, pairing.VerbAuth, pairing.VerbSelect:
		return true
	}
	name := req.Args[0].Bytes
	switch {
	case bytes.EqualFold(name, []byte("CLIENT")), bytes.EqualFold(name, []byte("READONLY")), bytes.EqualFold(name, []byte("COMMAND")):
		return v != pairing.VerbClientReply
	}
	return false
}

// see takes one command of the set-up.
func (h *handshake) see(req *resp.Request) {
	h.commands++
	for _, b := range req.Args[0].Bytes {
		h.signature = (h.signature ^ uint64(b|0x20)) * 1099511628211
	}
	if len(req.Args) < 3 || !bytes.EqualFold(req.Args[0].Bytes, []byte("CLIENT")) {
		return
	}
	sub := req.Args[1].Bytes
	for _, b := range sub {
		h.signature = (h.signature ^ uint64(b|0x20)) * 1099511628211
	}
	switch {
	case bytes.EqualFold(sub, []byte("SETNAME")):
		name := string(req.Args[2].Bytes[:min(len(req.Args[2].Bytes), 64)])
		if strings.HasPrefix(name, "sentinel-") {
			h.sentinel = true
		} else if strings.HasPrefix(name, "predis") && !h.named {
			h.library = libraryNamed("predis")
			h.library.Guessed = true
		}
	case bytes.EqualFold(sub, []byte("SETINFO")) && len(req.Args) >= 4:
		value := string(req.Args[3].Bytes[:min(len(req.Args[3].Bytes), 64)])
		switch {
		case bytes.EqualFold(req.Args[2].Bytes, []byte("LIB-NAME")):
			version := h.library.Version
			h.library, h.named = libraryNamed(value), true
			h.library.Version = version
			for _, b := range []byte(h.library.Name) { // several libraries send the same commands
				h.signature = (h.signature ^ uint64(b)) * 1099511628211
			}
		case bytes.EqualFold(req.Args[2].Bytes, []byte("LIB-VER")):
			h.library.Version = cleanName(strings.ToLower(value))
		}
	}
}

// Enrol follows the set-up of the connection and puts it into its population with the first other command.
func (s *Conn) Enrol(v pairing.Verb, req *resp.Request, ex *pairing.Exchange) {
	h := &s.handshake
	if v == pairing.VerbHello || len(req.Args) > 2 && len(req.Args[0].Bytes) == len("CLIENT") { // at any time
		s.Reg.names.see(s.Client.Addr(), req)
	}
	if v == pairing.VerbPublish && s.Pop != nil && len(req.Args) > 1 && string(req.Args[1].Bytes) == "__sentinel__:hello" {
		h.sentinel, s.Pop.async = true, true // a Sentinel that was at work before the capture began
	}
	if h.done {
		return
	}
	if h.commands < handshakeCommands && setUp(v, req) {
		h.see(req)
		ex.Flags |= pairing.InHandshake
		return
	}
	h.done = true
	s.Pop = s.Reg.populationOf(s)
}

// EnrolSealed puts a connection whose set-up cannot be read into its population: by what is in the clear of it.
func (s *Conn) EnrolSealed(signature uint64) {
	if h := &s.handshake; !h.done {
		h.done, h.signature = true, signature
		s.Pop = s.Reg.populationOf(s)
	}
}

// SetUpSignature names the commands of the connection's set-up, in order: connections with the same are of one population.
func (s *Conn) SetUpSignature() uint64 { return s.handshake.signature }
