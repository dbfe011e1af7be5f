package realtest

import (
	"strings"
	"time"
)

// place is the server that a conversation is with.
type place int

const (
	onPlain place = iota
	onCluster
	onSentinel
)

// talk is a conversation of one or more callers that changes what a connection speaks, or waits.
type talk struct {
	at   place
	name string
	say  func(meet func(who string) *caller)
}

// nested is the one conversation with a fault: two transactions become one.
const nested = "MULTI inside MULTI"

var talks = []talk{
	{onPlain, "pub/sub in RESP2", func(meet func(string) *caller) { pubsub(meet, "") }},
	{onPlain, "pub/sub in RESP3", func(meet func(string) *caller) { pubsub(meet, "3") }},
	{onPlain, "subscriptions that change nothing", func(meet func(string) *caller) {
		for _, proto := range []string{"2", "3"} {
			twice, never := meet("twice, RESP"+proto), meet("never, RESP"+proto)
			twice.do(one("HELLO", proto), confirmed(2, "SUBSCRIBE", "a", "b"), confirmed(1, "SUBSCRIBE", "b"), confirmed(2, "PSUBSCRIBE", "p*", "p*"))
			twice.do(confirmed(2, "UNSUBSCRIBE"), confirmed(1, "PUNSUBSCRIBE"), one("GET", "k"), one("PING"))
			twice.close()
			never.do(one("HELLO", proto), confirmed(2, "SUBSCRIBE", "a", "b"), confirmed(1, "PSUBSCRIBE", "p*"), confirmed(1, "UNSUBSCRIBE", "c"))
			never.do(confirmed(2, "UNSUBSCRIBE"), confirmed(1, "PUNSUBSCRIBE"), one("GET", "k"), one("PING"))
			never.close()
		}
	}},
	{onPlain, "MONITOR", func(meet func(string) *caller) {
		m, other := meet("monitor"), meet("other")
		m.do(one("PING"), one("MONITOR"))
		other.do(one("SET", "k", "v"), one("GET", "k"))
		m.hear(2)
		m.do(none("MONITOR"))
		other.do(one("ECHO", "+OK\r\n$3\r\n"))
		m.hear(3)
		m.do(one("RESET"), one("PING"), one("GET", "k"))
		other.do(one("QUIT"))
		other.drain()
		m.close()
	}},
	{onPlain, "CLIENT REPLY", func(meet func(string) *caller) {
		c := meet("caller")
		c.do(one("PING"), none("CLIENT", "REPLY", "SKIP"), none("SET", "a", "1"), one("GET", "a"))
		c.do(none("CLIENT", "REPLY", "OFF"), none("GET", "a"), none("NOSUCH"))
		c.do(none("INCR", "a"))
		c.do(one("CLIENT", "REPLY", "ON"), one("GET", "a"))
		c.do(one("CLIENT", "SETNAME", "skip"), one("CLIENT", "NO-EVICT", "off"), one("GET", "a"))
		c.do(none("CLIENT", "REPLY", "SKIP"))
		c.do(none("PING"))
		c.do(one("PING"))
		c.do(none("CLIENT", "REPLY", "OFF"))
		c.do(one("RESET"), one("PING"))
		c.close()
	}},
	{onPlain, "blocking commands", func(meet func(string) *caller) {
		for _, proto := range []string{"2", "3"} {
			waiter, other := meet("waiter "+proto), meet("other "+proto)
			waiter.do(one("HELLO", proto))
			id := waiter.do(one("CLIENT", "ID"))
			for _, w := range [][2][]string{
				{{"BLPOP", "q", "0"}, {"RPUSH", "q", "x"}},
				{{"BRPOP", "q", "q2", "5"}, {"RPUSH", "q2", "x"}},
				{{"BLMOVE", "q", "q3", "LEFT", "RIGHT", "0"}, {"RPUSH", "q", "x"}},
				{{"BRPOPLPUSH", "q", "q3", "0"}, {"RPUSH", "q", "x"}},
				{{"BLMPOP", "0", "2", "q", "q2", "LEFT"}, {"RPUSH", "q", "x"}},
				{{"BZPOPMIN", "z", "0"}, {"ZADD", "z", "1", "a"}},
				{{"BZMPOP", "0", "1", "z", "MIN"}, {"ZADD", "z", "1", "a"}},
				{{"XREAD", "BLOCK", "0", "STREAMS", "st", "$"}, {"XADD", "st", "*", "f", "v"}},
				{{"BLPOP", "never", "0"}, {"CLIENT", "UNBLOCK", id.head}},
				{{"BLPOP", "never", "0"}, {"CLIENT", "UNBLOCK", id.head, "ERROR"}},
				{{"WAIT", "1", "150"}, {"PING"}},
				{{"GET", "k"}, {"CLIENT", "PAUSE", "100", "WRITE"}},
				{{"SET", "k", "late"}, {"PING"}},
				{{"DEBUG", "SLEEP", "0.1"}, {"PING"}},
			} {
				waiter.send(0, one(w[0]...), one("PING", "behind"))
				time.Sleep(120 * time.Millisecond) // so that the waiter is blocked
				other.do(one(w[1]...))
				waiter.wait()
			}
			waiter.close()
			other.close()
		}
	}},
	{onPlain, "client tracking", func(meet func(string) *caller) {
		c, other := meet("tracking"), meet("other")
		c.do(one("HELLO", "3", "SETNAME", "reader"))
		c.do(one("CLIENT", "TRACKING", "ON"), one("GET", "k"), one("MGET", "k", "k2"))
		other.do(one("SET", "k", "1"), one("SET", "k2", "2"), one("SET", "k", "3"))
		c.hear(2)
		c.do(one("GET", "k"), one("SET", "k", "own"), one("GET", "k2"), one("MULTI"), one("GET", "k"), one("SET", "k", "2"), one("EXEC"))
		c.do(one("CLIENT", "TRACKING", "OFF"))
		c.do(one("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "k"))
		other.do(one("SET", "k9", "1"), one("FLUSHALL"))
		c.do(one("GET", "k9"), one("CLIENT", "TRACKINGINFO"))
		c.close()
		other.close()
	}},
	{onPlain, "redirected tracking in RESP2", func(meet func(string) *caller) {
		data, hearer, other := meet("data"), meet("hearer"), meet("other")
		id := hearer.do(one("CLIENT", "ID"))
		hearer.do(confirmed(1, "SUBSCRIBE", "__redis__:invalidate"))
		data.do(one("CLIENT", "TRACKING", "ON", "REDIRECT", id.head), one("GET", "k"))
		other.do(one("SET", "k", "1"))
		hearer.hear(1)
		data.do(one("GET", "k"))
		hearer.close()
		data.close()
		other.close()
	}},
	{onPlain, "HELLO, AUTH, RESET", func(meet func(string) *caller) {
		c := meet("caller")
		c.do(one("HELLO"), one("HELLO", "9"), one("HELLO", "3", "AUTH", "default", "wrong"), one("GET", "k"))
		c.do(one("HELLO", "3"), one("HGETALL", "none"), one("HELLO", "2"), one("HGETALL", "none"))
		c.do(one("AUTH", "nobody", "wrong"), one("PING"), one("SELECT", "3"), one("MULTI"), one("SET", "a", "b"), one("RESET"), one("GET", "a"))
		c.do(one("HELLO", "3", "SETNAME", "x"), one("CLIENT", "SETINFO", "LIB-NAME", "y"), one("CLIENT", "GETNAME"))
		c.close()
	}},
	{onPlain, "transactions", func(meet func(string) *caller) {
		c, other := meet("caller"), meet("other")
		c.do(one("MULTI"))
		c.do(one("SET", "a", "1"))
		c.do(one("BLPOP", "never", "0"))
		c.do(one("LPUSH", "a", "x"))
		c.do(one("EXEC"))
		c.do(one("WATCH", "a"))
		other.do(one("SET", "a", "2"))
		c.do(one("MULTI"), one("GET", "a"), one("EXEC"), one("GET", "a"))
		c.do(one("MULTI"), one("GET"), one("GET", "a"), one("NOSUCH", "b"), one("EXEC"), one("GET", "a"))
		c.do(one("MULTI"), one("EXEC"), one("EXEC"), one("DISCARD"), one("MULTI"), one("WATCH", "a"), one("DISCARD"))
		c.do(one("EVAL", "return {1,{2,{3,'x'}},redis.error_reply('ERR no')}", "0"))
		c.close()
		other.close()
	}},
	{onPlain, nested, func(meet func(string) *caller) {
		c := meet("caller")
		c.do(one("MULTI"), one("GET", "a"), one("MULTI"), one("GET", "b"), one("EXEC"), one("GET", "a"))
		c.close()
	}},
	{onPlain, "large and binary values", func(meet func(string) *caller) {
		c := meet("caller")
		big := strings.Repeat("0123456789abcdef", 1<<16)
		tricky := "+OK\r\n$-1\r\n*3\r\n:1\r\n-ERR x\r\n\x00\xff"
		c.do(one("SET", "big", big))
		c.do(one("GET", "big"))
		c.do(one("SET", tricky, tricky), one("GET", tricky), one("ECHO", tricky), one("GETRANGE", "big", "5", "200000"), one("SET", "", ""), one("GET", ""))
		c.do(one("MGET", "big", tricky, "big", "none"), one("STRLEN", "big"))
		c.send(1<<15, one("SET", "big", big), one("APPEND", "big", big), one("STRLEN", "big"))
		c.wait()
		c.close()
	}},
	{onPlain, "containers alone and commands that fail", func(meet func(string) *caller) {
		for _, proto := range []string{"2", "3"} {
			c := meet("RESP" + proto)
			c.do(one("HELLO", proto))
			c.do(each(alone)...)
			for _, a := range each(alone) {
				c.do(a)
			}
			c.close()
		}
	}},
	{onCluster, "a cluster's node", func(meet func(string) *caller) {
		for _, proto := range []string{"2", "3"} {
			c := meet("RESP" + proto)
			c.do(one("HELLO", proto), one("GET", "k"))
			c.do(each(clusterCommands)...)
			for _, a := range each(clusterCommands) {
				c.do(a)
			}
			c.close()
		}
	}},
	{onSentinel, "Sentinel", func(meet func(string) *caller) {
		for _, proto := range []string{"2", "3"} {
			c := meet("RESP" + proto)
			c.do(one("HELLO", proto))
			for _, a := range each(sentinelCommands) {
				c.do(a)
			}
			c.do(each(sentinelCommands)...)
			c.close()
		}
	}},
	{onPlain, "a replica", func(meet func(string) *caller) {
		c := meet("replica")
		c.do(one("PING"))
		c.do(one("REPLCONF", "listening-port", "1"))
		c.do(one("REPLCONF", "capa", "eof", "capa", "psync2"))
		c.do(one("PSYNC", "?", "-1"))
		c.wire.conn.Close() // a snapshot follows, which is no reply
	}},
	{onPlain, "unknown commands", func(meet func(string) *caller) {
		c := meet("caller")
		c.do(one("FT.SEARCH", "i", "q"), one("GET", "k"), one("JSON.GET", "k"), one("get", "k"), one("gEt"), one("", "x"), one("PING"))
		c.close()
	}},
	{onPlain, "QUIT with more behind it", func(meet func(string) *caller) {
		c := meet("caller")
		c.do(one("PING"), one("QUIT"), none("GET", "k"), none("PING"))
		c.drain()
	}},
	{onPlain, "protocol error", func(meet func(string) *caller) {
		c := meet("caller")
		c.do(one("PING"))
		c.raw(0, []byte("*1\r\n:x\r\n"))
		c.drain()
	}},
	{onPlain, "killed by another", func(meet func(string) *caller) {
		c, other := meet("victim"), meet("other")
		id := c.do(one("PING"), one("CLIENT", "ID"))
		other.do(one("CLIENT", "KILL", "ID", id.head))
		c.drain()
		other.do(one("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"), one("PING"))
		other.close()
	}},
	{onPlain, "SHUTDOWN", func(meet func(string) *caller) {
		c := meet("caller")
		c.do(one("PING"))
		c.do(none("SHUTDOWN", "NOSAVE"))
		c.drain()
	}},
}

// pubsub is a subscriber and what it may say meanwhile.
func pubsub(meet func(string) *caller, proto string) {
	sub, pub := meet("subscriber"), meet("publisher")
	if proto != "" {
		sub.do(one("HELLO", proto))
	}
	sub.do(one("GET", "k"), confirmed(3, "SUBSCRIBE", "a", "b", "c"))
	pub.do(one("PUBLISH", "a", "+OK\r\n"), one("PUBLISH", "none", "x"), one("PUBLISH", "b", "subscribe"))
	sub.hear(2)
	sub.do(one("PING"), one("PING", "x"), confirmed(2, "PSUBSCRIBE", "p*", "a*"), confirmed(1, "SSUBSCRIBE", "shard"))
	pub.do(one("PUBLISH", "a", "twice"), one("SPUBLISH", "shard", "m"), one("PUBLISH", "pp", "m"))
	sub.hear(6)
	sub.do(one("PING"), one("GET", "k")) // RESP2 refuses it; after a pause it would be another user's
	sub.do(confirmed(1, "UNSUBSCRIBE", "a"), one("PING"))
	sub.send(0, confirmed(2, "UNSUBSCRIBE"), confirmed(2, "PUNSUBSCRIBE"), confirmed(1, "SUNSUBSCRIBE"))
	sub.wait()
	sub.do(one("GET", "k"), one("PING"), confirmed(1, "UNSUBSCRIBE"), one("PING"))
	sub.do(confirmed(1, "SUBSCRIBE", "a"), one("RESET"), one("GET", "k"))
	pub.do(one("PUBLISH", "a", "nobody"))
	sub.close()
	pub.close()
}
