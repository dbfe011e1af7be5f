package resp

import "bytes"

// Call is what must be remembered of a request to judge its reply: 32 bytes without pointers, for as long as it is
// pending. The zero Call allows anything.
type Call struct {
	text    uint32  // hash of the argument that PING and ECHO give back
	size    int32   // its length
	elems   int32   // exact number of elements of an array reply, or -1
	slot    int32   // of the first key, or -1
	keys    int32   // number of keys
	nargs   uint16  // capped
	command uint16  // place in the table counted from 1; 0 unknown
	kinds2  KindSet // allowed in RESP2
	kinds3  KindSet // and in RESP3
	flags   callFlags
	// Proto is the protocol version that the connection is known to speak, 2 or 3. 0, as Summarise leaves it, allows
	// what either of them does.
	Proto uint8
}

type callFlags uint8

const (
	callEcho  callFlags = 1 << iota // the reply repeats text
	callPong                        // the reply is PONG
	callOK                          // the status is OK
	callPairs                       // an array reply has an even number of elements
)

// shape is how arguments narrow the replies of a command.
type shape uint8

const (
	shapeAny shape = iota
	shapeArgs1
	shapeArgs2
	shapeTwo
	shapeThree
	shapePairs
	shapeSet
	shapePing
	shapeEcho
	shapeZadd
	shapeStore
	shapeCount
	shapeLpos
	shapeLcs
	shapeRank
)

// Summarise notes what matters of a request for judging its reply. It does not allocate.
func Summarise(req *Request) Call {
	c := Call{elems: -1, slot: -1, nargs: uint16(min(req.NArgs, 1<<16-1)), command: lookup(req)}
	if c.command == 0 {
		c.kinds2, c.kinds3 = AnyKind, AnyKind
		return c
	}
	cmd := &commandTable[c.command-1]
	c.kinds2, c.kinds3 = cmd.Replies2, cmd.Replies3
	if cmd.HasKeys() {
		c.keys = int32(min(cmd.KeyCount(req), 1<<30))
		if key, ok := cmd.FirstKey(req); ok && key.Whole() {
			c.slot = int32(Slot(key.Bytes))
		}
	}
	c.narrow(cmd.shape, req)
	return c
}

// narrow applies the shape rule of the command.
func (c *Call) narrow(s shape, req *Request) {
	n := int32(min(req.NArgs, 1<<30))
	switch s {
	case shapeArgs1:
		c.elems = n - 1
	case shapeArgs2:
		c.elems = n - 2
	case shapeTwo:
		c.elems = 2
	case shapeThree:
		c.elems = 3
	case shapePairs:
		c.flags |= callPairs
	case shapeSet:
		c.set(req)
	case shapePing:
		if n > 1 {
			c.only(Kinds(Bulk))
			c.echo(req.Last)
		} else {
			c.only(Kinds(Simple))
			c.flags |= callPong
		}
	case shapeEcho:
		c.echo(req.Last)
	case shapeZadd:
		switch hasOption(req, 2, "INCR") {
		case yes:
			c.only(Kinds(Bulk, Double, Null))
		case no:
			c.only(Kinds(Integer))
		}
	case shapeStore:
		store := max(hasOption(req, 2, "STORE"), hasOption(req, 2, "STOREDIST"))
		switch store {
		case yes:
			c.only(Kinds(Integer))
		case no:
			c.only(Kinds(Array, Set))
		}
	case shapeCount:
		if n > 2 {
			c.only(Kinds(Array, Set, Null))
		} else {
			c.only(Kinds(Bulk, Null))
		}
	case shapeLpos:
		if hasOption(req, 3, "COUNT") == no {
			c.only(Kinds(Integer, Null))
		}
	case shapeLcs:
		if hasOption(req, 3, "LEN") == no && hasOption(req, 3, "IDX") == no {
			c.only(Kinds(Bulk))
		}
	case shapeRank:
		if n == 3 {
			c.only(Kinds(Integer, Null))
		}
	}
}

// set narrows SET: null only where the write depends on a condition, the old value only with GET.
func (c *Call) set(req *Request) {
	if req.NArgs > MaxArgs {
		return
	}
	c.flags |= callOK
	kinds := Kinds(Simple)
	for i := 3; i < len(req.Args); i++ {
		switch o := req.Args[i].Bytes; {
		case len(o) == 2 && o[1]|0x20 == 'x' && (o[0]|0x20 == 'n' || o[0]|0x20 == 'x'),
			len(o) == 4 && o[0]|0x20 == 'i' && o[1]|0x20 == 'f':
			kinds |= Kinds(Null)
		case equalFold(o, "GET"):
			kinds |= Kinds(Bulk, Null)
		case !isOption(o):
			// A newer option that is not known here may change anything.
			if !equalFold(req.Args[i-1].Bytes, "IFEQ") && !isNumber(o) {
				c.flags &^= callOK
				return
			}
		}
	}
	c.only(kinds)
}

func isOption(o []byte) bool {
	return equalFold(o, "EX") || equalFold(o, "PX") || equalFold(o, "EXAT") || equalFold(o, "PXAT") || equalFold(o, "KEEPTTL")
}

func isNumber(o []byte) bool {
	_, ok := parseInt(o)
	return ok
}

// only narrows the kinds to the given ones and errors.
func (c *Call) only(k KindSet) {
	k |= Kinds(Error)
	c.kinds2 &= k
	c.kinds3 &= k
}

func (c *Call) echo(a Arg) {
	if a.Len > 1<<30 {
		return
	}
	c.size = int32(a.Len)
	c.flags |= callEcho
	c.text = hashText(a.Bytes[:min(len(a.Bytes), MaxElemText)])
	if len(a.Bytes) < min(a.Len, MaxElemText) {
		c.flags &^= callEcho
	}
}

type answer uint8

const (
	no answer = iota
	maybe
	yes
)

// hasOption says whether the word stands among the arguments from the given one on. It is maybe where arguments were
// not kept.
func hasOption(req *Request, from int, word string) answer {
	for i := from; i < len(req.Args); i++ {
		if equalFold(req.Args[i].Bytes, word) {
			return yes
		}
	}
	if req.NArgs > len(req.Args) {
		return maybe
	}
	return no
}

// Command returns the command called, or nil.
func (c Call) Command() *Command {
	if c.command == 0 {
		return nil
	}
	return &commandTable[c.command-1]
}

// NArgs returns the number of arguments, name included, at most 65535.
func (c Call) NArgs() int { return int(c.nargs) }

// KeyCount returns the number of keys.
func (c Call) KeyCount() int { return int(c.keys) }

// Slot returns the cluster slot of the first key. ok is false where there is none or it was not captured whole.
func (c Call) Slot() (slot uint16, ok bool) {
	if c.command == 0 || c.slot < 0 {
		return 0, false
	}
	return uint16(c.slot), true
}

// Kinds returns the kinds of replies allowed.
func (c Call) Kinds() KindSet {
	switch {
	case c.command == 0:
		return AnyKind
	case c.Proto == 2:
		return c.kinds2
	case c.Proto == 3:
		return c.kinds3
	}
	return c.kinds2 | c.kinds3
}

// Allows says whether the reply can answer the call, and if not why, in words: "GET never returns a simple string". It
// errs on the side of yes. It judges the call alone: QUEUED in a transaction, the array that PING gets in subscribed
// mode and pushes belong to the state of the connection.
func (c Call) Allows(r *Reply) (ok bool, reason string) {
	if c.command == 0 {
		return true, ""
	}
	cmd := &commandTable[c.command-1]
	if !c.Kinds().Has(r.Kind) {
		return false, c.never(cmd, r)
	}
	switch r.Kind {
	case Error:
		return c.allowsError(cmd, r)
	case Simple:
		if (cmd.Flags&OnlyOK != 0 || c.flags&callOK != 0) && string(r.Text) != "OK" {
			return false, cmd.String() + " returns OK and no other status"
		}
		if c.flags&callPong != 0 && string(r.Text) != "PONG" {
			return false, "PING returns PONG and no other status"
		}
	case Bulk:
		if c.flags&callEcho != 0 && !c.echoed(r) {
			return false, cmd.String() + " returns the text it was given, and this is another"
		}
	case Array, Set:
		if c.elems >= 0 && !r.Streamed && r.N != int64(c.elems) {
			return false, count(cmd, int64(c.elems), r.N)
		}
		if c.flags&callPairs != 0 && r.N%2 != 0 && !r.Streamed {
			return false, cmd.String() + " returns pairs, and this array has an odd number of elements"
		}
	}
	return true, ""
}

func (c Call) echoed(r *Reply) bool {
	if r.N != int64(c.size) {
		return false
	}
	n := min(len(r.Text), MaxElemText)
	return n < min(int(c.size), MaxElemText) || hashText(r.Text[:n]) == c.text
}

// never puts a kind that is not allowed into words.
func (c Call) never(cmd *Command, r *Reply) string {
	name, kind := cmd.String(), r.Kind.phrase()
	all := cmd.Replies2 | cmd.Replies3
	switch {
	case all.Has(r.Kind) && c.Proto != 0 && (c.kinds2 | c.kinds3).Has(r.Kind):
		return name + " does not return " + kind + " in RESP" + string('0'+rune(c.Proto))
	case all.Has(r.Kind):
		return name + " with these arguments never returns " + kind
	}
	return name + " never returns " + kind
}

// count puts a wrong number of elements into words.
func count(cmd *Command, want, got int64) string {
	return cmd.String() + " returns " + number(want) + " elements here, and this has " + number(got)
}

// allowsError judges an error by its class, its slot and the command it names.
func (c Call) allowsError(cmd *Command, r *Reply) (bool, string) {
	name := cmd.Name
	script := cmd.Flags&Scripting != 0 || name == "EXEC"
	switch class := string(errorClass(r.Text)); class {
	case "MOVED", "ASK":
		if name == "EXEC" {
			break
		}
		if !cmd.HasKeys() {
			return false, cmd.String() + " has no key and is never redirected"
		}
		if to, ok := ParseRedirect(r.Text); ok && c.slot >= 0 && int32(to.Slot) != c.slot {
			return false, "slot " + number(int64(to.Slot)) + " is not the slot of the key (" + number(int64(c.slot)) + ")"
		}
	case "CROSSSLOT", "TRYAGAIN":
		if !cmd.HasKeys() && name != "EXEC" {
			return false, cmd.String() + " has no key and never gets " + class
		}
	case "WRONGTYPE":
		if !cmd.HasKeys() && !script {
			return false, cmd.String() + " has no key and never gets WRONGTYPE"
		}
	case "NOSCRIPT":
		if !script {
			return false, cmd.String() + " runs no script and never gets NOSCRIPT"
		}
	case "EXECABORT":
		if name != "EXEC" {
			return false, "only EXEC gets EXECABORT"
		}
	case "NOAUTH":
		if name == "AUTH" || name == "QUIT" || name == "RESET" {
			return false, cmd.String() + " needs no authentication and never gets NOAUTH"
		}
	case "WRONGPASS":
		if f := cmd.Family(); f != "AUTH" && f != "HELLO" && f != "MIGRATE" && f != "ACL" && !script {
			return false, "only AUTH and HELLO get WRONGPASS"
		}
	case "BUSYGROUP":
		if cmd.Family() != "XGROUP" && !script {
			return false, "only XGROUP CREATE gets BUSYGROUP"
		}
	case "NOGROUP":
		if name[0] != 'X' && !script {
			return false, cmd.String() + " has no consumer group and never gets NOGROUP"
		}
	case "BUSYKEY":
		if cmd.Family() != "RESTORE" && name != "RESTORE-ASKING" && name != "MIGRATE" && !script {
			return false, "only RESTORE gets BUSYKEY"
		}
	case "NOPROTO":
		if name != "HELLO" {
			return false, "only HELLO gets NOPROTO"
		}
	case "READONLY":
		if cmd.Flags&ReadOnly != 0 && !script {
			return false, cmd.String() + " writes nothing and never gets READONLY"
		}
	case "UNBLOCKED":
		if cmd.Flags&Blocking == 0 && !script {
			return false, cmd.String() + " does not block and never gets UNBLOCKED"
		}
	}
	if named, ok := NamedCommand(r.Text); ok && !script && !names(named, cmd) {
		return false, "the error is about '" + Text{named}.Short(maxName) + "', not " + cmd.String()
	}
	return true, ""
}

// names says whether an error that names a command can be about cmd: it may name all of it, its container or its
// subcommand.
func names(named []byte, cmd *Command) bool {
	if cmd.Flags&Container != 0 {
		return true
	}
	if equalFold(named, cmd.Name) {
		return true
	}
	family := cmd.Family()
	if equalFold(named, family) {
		return true
	}
	if len(family) < len(cmd.Name) && equalFold(named, cmd.Name[len(family)+1:]) {
		return true
	}
	// A module or a proxy may write the two words with a space.
	return bytes.IndexByte(named, ' ') >= 0 && equalFold(bytes.ReplaceAll(named, []byte(" "), []byte("|")), cmd.Name)
}
