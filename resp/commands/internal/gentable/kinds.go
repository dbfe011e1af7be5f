package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// kindNames are the kinds of package resp in their order there.
var kindNames = []string{
	"", "Simple", "Error", "Integer", "Bulk", "Array", "Null", "Map", "Set", "Double", "Boolean", "Bignum", "Verbatim", "Push",
}

// kindSet has one bit a kind, as resp.KindSet.
type kindSet uint16

func kindsOf(names ...string) (s kindSet) {
	for _, n := range names {
		for i, k := range kindNames {
			if k != "" && strings.EqualFold(k, n) {
				s |= 1 << i
			}
		}
	}
	return s
}

func (s kindSet) String() string {
	if s == anyKind {
		return "resp.AnyKind"
	}
	var names []string
	for i, k := range kindNames {
		if s>>i&1 != 0 {
			names = append(names, "1<<resp."+k)
		}
	}
	return strings.Join(names, " | ")
}

const anyKind = kindSet(1<<14 - 2)

// observed are the kinds that a real server was seen to answer a command with.
type observed struct{ two, three kindSet }

// readMarkers reads lines "COMMAND protocol kind kind …".
func readMarkers(name string) (map[string]observed, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	seen := map[string]observed{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if len(words) < 3 {
			return nil, fmt.Errorf("%s:%d: want command, protocol and kinds", name, n)
		}
		o := seen[words[0]]
		switch words[1] {
		case "2":
			o.two = kindsOf(words[2:]...)
		case "3":
			o.three = kindsOf(words[2:]...)
		default:
			return nil, fmt.Errorf("%s:%d: protocol %q", name, n, words[1])
		}
		seen[words[0]] = o
	}
	return seen, lines.Err()
}

// override replaces what the description says, where it says nothing, or too little for older servers.
var override = map[string][2]kindSet{
	"MONITOR":  {kindsOf("simple"), kindsOf("simple")},
	"PSYNC":    {kindsOf("simple"), kindsOf("simple")},
	"REPLCONF": {anyKind, anyKind},
	"COMMAND":  {kindsOf("array"), kindsOf("array")},
	// The answer is already written in the protocol asked for.
	"HELLO": {kindsOf("array", "map"), kindsOf("array", "map")},
	// Redis < 7.2 answers a missing key with null.
	"OBJECT|FREQ":     {kindsOf("integer", "null"), kindsOf("integer", "null")},
	"OBJECT|IDLETIME": {kindsOf("integer", "null"), kindsOf("integer", "null")},
	"OBJECT|REFCOUNT": {kindsOf("integer", "null"), kindsOf("integer", "null")},
	// Null for a missing key (LMOVE), an unknown name (SENTINEL), a timeout or an aborted transaction.
	"LMOVE":                             {kindsOf("bulk", "null"), kindsOf("bulk", "null")},
	"SENTINEL|GET-MASTER-ADDR-BY-NAME":  {kindsOf("array", "null"), kindsOf("array", "null")},
	"SENTINEL|GET-PRIMARY-ADDR-BY-NAME": {kindsOf("array", "null"), kindsOf("array", "null")},
	// The description allows null, which no server sends.
	"TYPE": {kindsOf("simple"), kindsOf("simple")},
}

// kinds gives the kinds of replies allowed, errors apart, over both versions of the protocol.
func (c *command) kinds(seen observed) (two, three kindSet) {
	const errorKind = kindSet(1 << 2)
	if o, ok := override[c.name]; ok {
		return o[0] | errorKind, o[1] | errorKind
	}
	for _, f := range extraFlags[c.name] {
		if f == "ManyReplies" {
			return anyKind, anyKind
		}
	}
	if c.parent || len(c.Schema) == 0 || len(c.Schema) == 2 || strings.HasPrefix(c.name, "DEBUG") || strings.HasPrefix(c.name, "PFDEBUG") {
		return anyKind, anyKind
	}
	var s schema
	if json.Unmarshal(c.Schema, &s) != nil {
		return anyKind, anyKind
	}
	text := kindsOf("simple", "bulk", "verbatim")
	text2, text3 := text, text
	admin := false
	for _, f := range c.Flags {
		admin = admin || f == "ADMIN" || f == "ONLY_SENTINEL"
	}
	if !admin {
		if t := seen.two & text; t != 0 {
			text2 = t
		}
		if t := seen.three & text; t != 0 {
			text3 = t
			if t&kindsOf("verbatim") != 0 {
				text3 |= kindsOf("bulk") // other servers
			}
		}
	}
	two, three = s.kinds(text2, text3)
	if two == 0 || three == 0 {
		return anyKind, anyKind
	}
	return two | seen.two | errorKind, three | seen.three | errorKind
}

// schema is the part of a JSON schema that decides kinds.
type schema struct {
	Type  string          `json:"type"`
	Const json.RawMessage `json:"const"`
	Enum  json.RawMessage `json:"enum"`
	OneOf []schema        `json:"oneOf"`
	AnyOf []schema        `json:"anyOf"`
}

func (s schema) kinds(text2, text3 kindSet) (two, three kindSet) {
	for _, o := range append(s.OneOf, s.AnyOf...) {
		a, b := o.kinds(text2, text3)
		if a == 0 || b == 0 {
			return 0, 0
		}
		two |= a
		three |= b
	}
	if len(s.OneOf)+len(s.AnyOf) > 0 {
		return two, three
	}
	if len(s.Const) > 0 && s.Const[0] == '"' {
		return kindsOf("simple"), kindsOf("simple")
	}
	if len(s.Const) > 0 {
		return kindsOf("integer"), kindsOf("integer")
	}
	switch s.Type {
	case "integer":
		return kindsOf("integer"), kindsOf("integer")
	case "number":
		return kindsOf("bulk"), kindsOf("bulk", "double")
	case "null":
		return kindsOf("null"), kindsOf("null")
	case "string":
		return text2, text3
	case "array":
		return kindsOf("array"), kindsOf("array", "set")
	case "object":
		// Servers before 7.0 send some of these as flat arrays in RESP3 too.
		return kindsOf("array"), kindsOf("map", "array")
	}
	return 0, 0
}

// onlyOK says whether the one reply on success is "OK".
func onlyOK(b json.RawMessage) bool {
	var s schema
	return json.Unmarshal(b, &s) == nil && string(s.Const) == `"OK"`
}

// shapes are the commands whose number of elements or kind of reply follows from their arguments.
var shapes = map[string]string{
	"MGET": "shapeArgs1", "HMGET": "shapeArgs2", "SMISMEMBER": "shapeArgs2", "ZMSCORE": "shapeArgs2", "GEOHASH": "shapeArgs2",
	"GEOPOS": "shapeArgs2", "SCRIPT|EXISTS": "shapeArgs2",
	"TIME": "shapeTwo", "SCAN": "shapeTwo", "HSCAN": "shapeTwo", "SSCAN": "shapeTwo", "ZSCAN": "shapeTwo",
	"BLPOP": "shapeTwo", "BRPOP": "shapeTwo", "LMPOP": "shapeTwo", "ZMPOP": "shapeTwo", "BLMPOP": "shapeTwo", "BZMPOP": "shapeTwo",
	"WAITAOF": "shapeTwo", "BZPOPMIN": "shapeThree", "BZPOPMAX": "shapeThree", "HGETALL": "shapePairs", "CONFIG|GET": "shapePairs",
	"SET": "shapeSet", "PING": "shapePing", "ECHO": "shapeEcho", "ZADD": "shapeZadd", "SORT": "shapeStore", "GEORADIUS": "shapeStore",
	"GEORADIUSBYMEMBER": "shapeStore", "LPOP": "shapeCount", "RPOP": "shapeCount", "SPOP": "shapeCount", "SRANDMEMBER": "shapeCount",
	"HRANDFIELD": "shapeCount", "ZRANDMEMBER": "shapeCount", "LPOS": "shapeLpos", "LCS": "shapeLcs", "ZRANK": "shapeRank", "ZREVRANK": "shapeRank",
}

// blocks says where the timeout of a blocking command stands and what its unit is.
var blocks = map[string]string{
	"BLPOP": "blockLastSeconds", "BRPOP": "blockLastSeconds", "BRPOPLPUSH": "blockLastSeconds", "BLMOVE": "blockLastSeconds",
	"BZPOPMIN": "blockLastSeconds", "BZPOPMAX": "blockLastSeconds", "BLMPOP": "blockFirstSeconds", "BZMPOP": "blockFirstSeconds",
	"XREAD": "blockOption", "XREADGROUP": "blockOption", "WAIT": "blockLastMillis", "WAITAOF": "blockLastMillis",
}
