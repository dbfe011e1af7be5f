package commands

import (
	"bytes"
	"strconv"

	"github.com/respsniff/respsniff/resp"
)

// Plain is the early return of Allows for replies whose kind alone decides that they can answer the call: integers, null,
// bulk strings and +OK, of commands whose reply repeats nothing, in either version of the protocol. It reports false for
// any other.
func (c *Call) Plain(r *resp.Reply) bool {
	return c.plain.Has(r.Kind) && (r.Kind != resp.Simple || string(r.Text) == "OK")
}

// Allows says whether the reply can answer the call, and if not why, in words: "GET never returns a simple string". It
// errs on the side of yes. It judges the call alone: QUEUED in a transaction, the array that PING gets in subscribed
// mode and pushes belong to the state of the connection.
func (c Call) Allows(r *resp.Reply) (ok bool, reason string) {
	if c.command == 0 {
		return true, ""
	}
	cmd := &commandTable[c.command-1]
	if !c.kinds().Has(r.Kind) {
		return false, c.never(cmd, r)
	}
	switch r.Kind {
	case resp.Error:
		return c.allowsError(cmd, r)
	case resp.Simple:
		if (cmd.Flags&OnlyOK != 0 || c.flags&callOK != 0) && string(r.Text) != "OK" {
			return false, cmd.String() + " returns OK and no other status"
		}
		if c.flags&callPong != 0 && string(r.Text) != "PONG" {
			return false, "PING returns PONG and no other status"
		}
	case resp.Bulk:
		if c.flags&callEcho != 0 && !c.echoed(r) {
			return false, cmd.String() + " returns the text it was given, and this is another"
		}
	case resp.Array, resp.Set:
		if c.elems >= 0 && !r.Streamed && r.N != int64(c.elems) {
			return false, count(cmd, int64(c.elems), r.N)
		}
		if c.flags&callPairs != 0 && r.N%2 != 0 && !r.Streamed {
			return false, cmd.String() + " returns pairs, and this array has an odd number of elements"
		}
	}
	return true, ""
}

func (c Call) echoed(r *resp.Reply) bool {
	if r.N != int64(c.size) {
		return false
	}
	n := min(len(r.Text), resp.MaxElemText)
	return n < min(int(c.size), resp.MaxElemText) || hashText(r.Text[:n]) == c.text
}

// never puts a kind that is not allowed into words.
func (c Call) never(cmd *Command, r *resp.Reply) string {
	name, kind := cmd.String(), phrase(r.Kind)
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
	return cmd.String() + " returns " + decimal(want) + " elements here, and this has " + decimal(got)
}

// allowsError judges an error by its class, its slot and the command it names.
func (c Call) allowsError(cmd *Command, r *resp.Reply) (bool, string) {
	name := cmd.Name
	script := cmd.Flags&Scripting != 0 || name == "EXEC"
	switch class := resp.ErrorClass(r.Text); class {
	case "MOVED", "ASK":
		if name == "EXEC" {
			break
		}
		if !cmd.HasKeys() {
			return false, cmd.String() + " has no key and is never redirected"
		}
		if to, ok := resp.ParseRedirect(r.Text); ok && c.slot >= 0 && int32(to.Slot) != c.slot {
			return false, "slot " + decimal(int64(to.Slot)) + " is not the slot of the key (" + decimal(int64(c.slot)) + ")"
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
	if named, ok := resp.NamedCommand(r.Text); ok && !script && !names(named, cmd) {
		return false, "the error is about '" + resp.TextOf(named).Short(maxName) + "', not " + cmd.String()
	}
	return true, ""
}

// names says whether an error that names a command can be about cmd: it may name all of it, its container or its
// subcommand.
func names(named []byte, cmd *Command) bool {
	if cmd.Flags&Container != 0 {
		return true
	}
	if resp.EqualFold(named, cmd.Name) {
		return true
	}
	family := cmd.Family()
	if resp.EqualFold(named, family) {
		return true
	}
	if len(family) < len(cmd.Name) && resp.EqualFold(named, cmd.Name[len(family)+1:]) {
		return true
	}
	// A module or a proxy may write the two words with a space.
	return bytes.IndexByte(named, ' ') >= 0 && resp.EqualFold(bytes.ReplaceAll(named, []byte(" "), []byte("|")), cmd.Name)
}

// phrase is a kind in the words of a sentence.
func phrase(k resp.Kind) string {
	switch k {
	case resp.Simple:
		return "a simple string"
	case resp.Error:
		return "an error"
	case resp.Integer:
		return "an integer"
	case resp.Bulk:
		return "a bulk string"
	case resp.Bignum:
		return "a big number"
	case resp.Verbatim:
		return "a verbatim string"
	case resp.Array:
		return "an array"
	case resp.Null:
		return "null"
	}
	return "a " + k.String()
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
