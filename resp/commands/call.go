package commands

import "github.com/respsniff/respsniff/resp"

// Call is what must be remembered of a request to judge its reply: 32 bytes without pointers, for as long as it is
// pending. The zero Call allows anything.
type Call struct {
	text    uint32       // hash of the argument that PING and ECHO give back
	size    int32        // its length
	elems   int32        // exact number of elements of an array reply, or -1
	slot    int32        // of the first key, noSlot or slotDue
	keys    int32        // number of keys
	nargs   uint16       // capped
	command uint16       // place in the table counted from 1; 0 unknown
	kinds2  resp.KindSet // allowed in RESP2
	kinds3  resp.KindSet // and in RESP3
	plain   resp.KindSet // whose replies Plain takes
	flags   callFlags
	// Proto is the protocol version that the connection is known to use, 2 or 3. 0, as Summarise leaves it, allows
	// what either of them does.
	Proto uint8
}

const (
	noSlot  = -1 // no key, or one that was not captured whole
	slotDue = -2 // Locate has not been called
)

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
func Summarise(req *resp.Request) Call {
	var c Call
	_, key, _ := Describe(req, &c)
	if c.SlotDue() {
		c.Locate(key.Bytes)
	}
	return c
}

// Describe is Lookup, Summarise and Command.FirstKey in one: it fills c and returns the command, nil if it is not in the
// table, and its first key, if it has one that was captured. It looks the command up once, which is a third of what
// the three cost.
//
// It leaves the slot of the key to Locate, because few commands are ever asked for it and it takes as long as all the
// rest. SlotDue says that there is one.
func Describe(req *resp.Request, c *Call) (cmd *Command, key resp.Arg, keyed bool) {
	i := lookup(req)
	*c = Call{}
	c.elems, c.slot, c.nargs, c.command = -1, noSlot, uint16(min(req.NArgs, 1<<16-1)), i
	if i == 0 {
		c.kinds2, c.kinds3 = resp.AnyKind, resp.AnyKind
		return nil, resp.Arg{}, false
	}
	cmd = &commandTable[i-1]
	c.kinds2, c.kinds3 = cmd.Replies2, cmd.Replies3
	switch cmd.shape {
	case shapeAny:
	case shapeSet:
		c.set(req)
	default:
		c.narrow(cmd.shape, req)
	}
	const plain = 1<<resp.Integer | 1<<resp.Null | 1<<resp.Bulk | 1<<resp.Simple
	if c.flags&(callEcho|callPong) == 0 {
		c.plain = c.kinds2 & c.kinds3 & plain
	}
	if at, args := int(cmd.key), req.Args; at > 0 && at < len(args) {
		c.keys = 1
		a := &args[at]
		if a.Whole() {
			c.slot = slotDue
		}
		return cmd, *a, true // copied here, where no call is left to keep it over
	}
	if cmd.HasKeys() {
		c.keys = int32(min(cmd.KeyCount(req), 1<<30))
		if key, keyed = cmd.FirstKey(req); keyed && key.Whole() {
			c.slot = slotDue
		}
	}
	return cmd, key, keyed
}

// narrow applies the shape rule of the command, other than that of SET.
func (c *Call) narrow(s shape, req *resp.Request) {
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
	case shapePing:
		if n > 1 {
			c.only(resp.Kinds(resp.Bulk))
			c.echo(req.Last)
		} else {
			c.only(resp.Kinds(resp.Simple))
			c.flags |= callPong
		}
	case shapeEcho:
		c.echo(req.Last)
	case shapeZadd:
		switch zaddIncr(req) {
		case yes:
			c.only(resp.Kinds(resp.Bulk, resp.Double, resp.Null))
		case no:
			c.only(resp.Kinds(resp.Integer))
		}
	case shapeStore:
		// The words stand where the keys behind them are looked for: a member or a key may be called store.
		from := commandTable[c.command-1].keys[1].pos
		switch max(hasOption(req, from, "STORE"), hasOption(req, from, "STOREDIST")) {
		case yes:
			c.only(resp.Kinds(resp.Integer))
		case no:
			c.only(resp.Kinds(resp.Array, resp.Set))
		}
	case shapeCount:
		if n > 2 {
			c.only(resp.Kinds(resp.Array, resp.Set, resp.Null))
		} else {
			c.only(resp.Kinds(resp.Bulk, resp.Null))
		}
	case shapeLpos:
		if hasOption(req, 3, "COUNT") == no {
			c.only(resp.Kinds(resp.Integer, resp.Null))
		}
	case shapeLcs:
		if hasOption(req, 3, "LEN") == no && hasOption(req, 3, "IDX") == no {
			c.only(resp.Kinds(resp.Bulk))
		}
	case shapeRank:
		if n == 3 {
			c.only(resp.Kinds(resp.Integer, resp.Null))
		}
	}
}

// set narrows SET: null only where the write depends on a condition, the old value only with GET.
func (c *Call) set(req *resp.Request) {
	kinds := resp.KindSet(1 << resp.Simple)
	if len(req.Args) > 3 {
		options, known := setKinds(req)
		if !known {
			return
		}
		kinds |= options
	}
	c.flags |= callOK
	c.only(kinds)
}

// setKinds returns the kinds of replies that the options of SET add. known is false where one of them may change anything:
// a newer one that is not known here, or one that was not kept.
func setKinds(req *resp.Request) (kinds resp.KindSet, known bool) {
	if req.NArgs > resp.MaxArgs {
		return 0, false
	}
	for i := 3; i < len(req.Args); i++ {
		switch o := req.Args[i].Bytes; {
		case len(o) == 2 && o[1]|0x20 == 'x' && (o[0]|0x20 == 'n' || o[0]|0x20 == 'x'),
			len(o) == 4 && o[0]|0x20 == 'i' && o[1]|0x20 == 'f':
			kinds |= resp.Kinds(resp.Null)
		case resp.EqualFold(o, "GET"):
			kinds |= resp.Kinds(resp.Bulk, resp.Null)
		case !isOption(o):
			if !resp.EqualFold(req.Args[i-1].Bytes, "IFEQ") && !isNumber(o) {
				return 0, false
			}
		}
	}
	return kinds, true
}

func isOption(o []byte) bool {
	return resp.EqualFold(o, "EX") || resp.EqualFold(o, "PX") || resp.EqualFold(o, "EXAT") || resp.EqualFold(o, "PXAT") || resp.EqualFold(o, "KEEPTTL")
}

func isNumber(o []byte) bool {
	_, ok := resp.ParseInt(o)
	return ok
}

// only narrows the kinds to the given ones and errors.
func (c *Call) only(k resp.KindSet) {
	k |= 1 << resp.Error
	c.kinds2 &= k
	c.kinds3 &= k
}

func (c *Call) echo(a resp.Arg) {
	if a.Len > 1<<30 {
		return
	}
	c.size = int32(a.Len)
	c.flags |= callEcho
	c.text = hashText(a.Bytes[:min(len(a.Bytes), resp.MaxElemText)])
	if len(a.Bytes) < min(a.Len, resp.MaxElemText) {
		c.flags &^= callEcho
	}
}

type answer uint8

const (
	no answer = iota
	maybe
	yes
)

// hasOption says whether the word stands among the arguments from the given one on. It is maybe where one of them was
// not kept, or not captured whole.
func hasOption(req *resp.Request, from int, word string) answer {
	found := no
	for i := from; i < len(req.Args); i++ {
		if !req.Args[i].Whole() {
			found = maybe
		} else if resp.EqualFold(req.Args[i].Bytes, word) {
			return yes
		}
	}
	if req.NArgs > len(req.Args) {
		return maybe
	}
	return found
}

// zaddIncr says whether INCR is one of the options of ZADD, which stand before the first score: a member may be called
// so too.
func zaddIncr(req *resp.Request) answer {
	for i := 2; i < len(req.Args); i++ {
		switch o := req.Args[i]; {
		case !o.Whole():
			return maybe
		case resp.EqualFold(o.Bytes, "INCR"):
			return yes
		case !resp.EqualFold(o.Bytes, "NX") && !resp.EqualFold(o.Bytes, "XX") && !resp.EqualFold(o.Bytes, "GT") &&
			!resp.EqualFold(o.Bytes, "LT") && !resp.EqualFold(o.Bytes, "CH"):
			return no
		}
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

// SlotDue reports whether Locate is to be called before Slot, or before Allows judges an error.
func (c *Call) SlotDue() bool { return c.slot == slotDue }

// Locate completes c with the slot of the key that Describe returned with it.
func (c *Call) Locate(key []byte) { c.slot = int32(resp.Slot(key)) }

// Slot returns the cluster slot of the first key. ok is false where there is none or it was not captured whole.
func (c Call) Slot() (slot uint16, ok bool) {
	if c.command == 0 || c.slot < 0 {
		return 0, false
	}
	return uint16(c.slot), true
}

// Kinds returns the kinds of replies allowed.
func (c Call) Kinds() resp.KindSet { return c.kinds() }

// kinds is Kinds without a copy of c.
func (c *Call) kinds() resp.KindSet {
	switch {
	case c.command == 0:
		return resp.AnyKind
	case c.Proto == 2:
		return c.kinds2
	case c.Proto == 3:
		return c.kinds3
	}
	return c.kinds2 | c.kinds3
}
