package commands

import (
	"iter"
	"strings"

	"github.com/respsniff/respsniff/resp"
)

// Command is what is known of one command, or one subcommand of a container such as CLIENT. Commands are shared and never
// change.
type Command struct {
	// Name is in upper case; a subcommand stands behind its container and a bar: "CLIENT|REPLY".
	Name string
	// Arity is the exact number of arguments, name included, or where negative the least number.
	Arity int
	Flags CommandFlags
	// Replies2 and Replies3 are the kinds of replies that the command may get in RESP2 and in RESP3, errors
	// included, over all its options. What stands on the wire in answer to it can be fewer (see Call), more (QUEUED
	// in a transaction) or none (CLIENT REPLY): that depends on the state of the connection.
	Replies2, Replies3 resp.KindSet

	id    uint16
	key   uint8 // place of the key where keys says that there is one, always there, and no other; else 0
	shape shape
	block block
	keys  []keySpec
}

// CommandIDs is one more than the largest ID of a command: the length of a table indexed by Command.ID.
const CommandIDs = len(commandTable) + 1

// ID is a small number that stands for the command, in this version of the package only, or 0 for a nil command.
func (c *Command) ID() int {
	if c == nil {
		return 0
	}
	return int(c.id)
}

// Commands returns all commands, by ID.
func Commands() iter.Seq[*Command] {
	return func(yield func(*Command) bool) {
		for i := range commandTable {
			if !yield(&commandTable[i]) {
				return
			}
		}
	}
}

// CommandFlags are properties of a command.
type CommandFlags uint16

// Properties of commands.
const (
	Write        CommandFlags = 1 << iota // changes keys
	ReadOnly                              // reads keys
	Admin                                 // for operators
	PubSub                                // publish and subscribe
	Blocking                              // may wait; see BlockTimeout
	NoAuthNeeded                          // answered before AUTH: AUTH, HELLO, QUIT, RESET
	OnlySentinel                          // only a Sentinel answers it
	Scripting                             // EVAL, FCALL and what manages scripts: any error may come from the script
	Container                             // the name alone, or with a subcommand that is not in the table
	OnlyOK                                // its one reply on success is "+OK"
	NoReply                               // no reply on success
	ManyReplies                           // replies follow for ever, or one a channel
)

// Is says whether c has all of the given flags. A nil command has none.
func (c *Command) Is(f CommandFlags) bool { return c != nil && c.Flags&f == f }

// String returns the name as one types it: "CLIENT REPLY".
func (c *Command) String() string { return strings.ReplaceAll(c.Name, "|", " ") }

// Family returns the name without subcommand.
func (c *Command) Family() string {
	name, _, _ := strings.Cut(c.Name, "|")
	return name
}

// HasKeys says whether the command takes keys, so that a cluster node may redirect it.
func (c *Command) HasKeys() bool { return len(c.keys) > 0 }

// Lookup returns the command of a request, with its subcommand where it has one, and nil for a command that is not in
// the table: one of a module, one that is newer, or no command at all.
func Lookup(req *resp.Request) *Command {
	i := lookup(req)
	if i == 0 {
		return nil
	}
	return &commandTable[i-1]
}

// IsCommandName says whether the table has a command, or container, of this name in any case.
func IsCommandName(name []byte) bool { return find(name, nil) != 0 }

// lookup returns the place in the table counted from 1, or 0. Names in wordIndex are found here, without a call: 46
// instructions a command against 138 of about 7000.
func lookup(req *resp.Request) uint16 {
	if len(req.Args) == 0 {
		return 0
	}
	name := req.Args[0].Bytes
	if n := len(name); n != req.Args[0].Len {
		return 0
	} else if n >= minWord && n <= maxWord {
		w := upperWord(name)
		if s := &wordIndex[wordPlace(w, wordFactor)]; s.word == w && int(s.size) == n {
			if s.container {
				return subcommand(req, s.id)
			}
			return s.id
		}
	}
	return find(name, nil)
}

// subcommand looks up the subcommand of a container.
func subcommand(req *resp.Request, container uint16) uint16 {
	if len(req.Args) > 1 && req.Args[1].Whole() {
		if i := find(req.Args[0].Bytes, req.Args[1].Bytes); i != 0 {
			return i
		}
	}
	return container
}

// maxName is more than the longest name in the table.
const maxName = 64

// find looks up a name and subcommand, of whatever letters and length.
func find(name, sub []byte) uint16 {
	if len(name)+1+len(sub) > maxName {
		return 0
	}
	h := hashName(hashSeed, name)
	if sub != nil {
		h = hashName(hashByte(h, '|'), sub)
	}
	for at := h % commandSlots; ; at = (at + 1) % commandSlots {
		i := commandIndex[at]
		if i == 0 {
			return 0
		}
		full := commandTable[i-1].Name
		if sub == nil {
			if resp.EqualFold(name, full) {
				return i
			}
			continue
		}
		if n := len(name); len(full) == n+1+len(sub) && full[n] == '|' && resp.EqualFold(name, full[:n]) && resp.EqualFold(sub, full[n+1:]) {
			return i
		}
	}
}

// commandSlots is the size of the hash table, a power of two at more than twice the number of commands.
const commandSlots = 1024

var commandIndex = func() (slots [commandSlots]uint16) {
	for i := range commandTable {
		at := hashName(hashSeed, []byte(commandTable[i].Name)) % commandSlots
		for slots[at] != 0 {
			at = (at + 1) % commandSlots
		}
		slots[at] = uint16(i + 1)
	}
	return slots
}()

// hashSeed, hashByte and hashName are FNV-1a over upper-case text.
const hashSeed = uint32(2166136261)

func hashByte(h uint32, c byte) uint32 { return (h ^ uint32(c)) * 16777619 }

func hashName(h uint32, b []byte) uint32 {
	for _, c := range b {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		h = hashByte(h, c)
	}
	return h
}

// hashText is FNV-1a over the bytes as they are.
func hashText(b []byte) uint32 {
	h := hashSeed
	for _, c := range b {
		h = hashByte(h, c)
	}
	return h
}
