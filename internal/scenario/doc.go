// Package scenario makes packets from a written conversation.
//
// A scenario is a text file of one statement a line. It has who talks to whom, what passes the capture point at which
// time, and which findings that must cause. Everything below the conversation is made as a kernel would: handshakes,
// sequence numbers, acknowledgements, timestamps, IP identifiers, checksums. A Damage then does to the packets, or to
// those of any capture, what networks and captures do.
//
//	# A read times out after 300 ms and the connection is used again: RS101 fires.
//	read-timeout 10.0.0.1=300ms              # passed on to the test
//	host web   10.0.0.1
//	host redis 10.0.0.2
//	conn c1 web:40001 -> redis:6379 rtt=200us
//
//	repeat 200 every 1ms { c1 > GET k{i} => $v{i} }
//
//	1.0      c1 > GET a                      # seconds since the start
//	+300.4ms c1 > GET b                      # want RS101 strong count=1: a's reply is still owed
//	+10ms    c1 < $A | $B                    # two replies in one segment
//	+1ms     c1 > FIN
//	+100us   c1 < FIN
//	believes c1 202 <- 201
//
// # Time
//
// A statement may begin with its time: seconds since the start (12.5), or a distance from the statement before it
// (+5ms, +195us). Without one it follows as soon as it physically can. The time is the one the capture shows, so the
// packets stand where the file says. The capture is taken at the client unless "vantage server" says otherwise; the
// other host is rtt away, and its acknowledgements cover only what had reached it. Statements need not stand in order
// of time: those with absolute times are sorted in.
//
//	wait 30s                 moves the clock
//	meanwhile { … }          statements after the block go on from the time before it
//	repeat 5 every 30s { … } five times; {i} counts from 0, {i+1} and {40000+i} compute. "repeat 5 as j" names it j.
//	                         Without "every" each round follows the one before.
//
// # Header statements
//
//	host NAME ADDRESS        a name to be used before ":port"
//	conn NAME CLIENT:PORT -> SERVER:PORT [OPTION...]
//	                         rtt=200us  isn=1/1 (client/server)  ttl=64/64  mss=1460/1460  window=65536/65536
//	                         acks=40ms/100us (how long each kernel delays an acknowledgement)
//	                         midstream (no handshake)  notimestamps  noipid  gso (segments up to 64 KB)
//	rtt, ttl, mss, window, acks VALUE        defaults for the connections declared below
//	link ethernet|vlan|qinq|sll|sll2|null|raw
//	vantage client|server
//	base 2026-01-02T03:04:05Z                the time of second 0
//	damage NAME ARGUMENT...                  what happens to the packets afterwards, in this order; see ParseDamage:
//	                         drop 0.05 7 (share, seed)  bursts 0.1 5 7  lose 12 (frame)  start 30 (frame)  snap 96
//	                         duplicate 0.5  reorder 0.3  shuffle  clock 30 -2s (frame)  resegment 4 (pieces)  coalesce  spurious 0.1
//	                         only-client  only-server  vantage 2ms  notimestamps  noipid  ipv6  rerecord  sll2 (a link)
//	read-timeout, policy, option KEY=VALUE   collected for the caller, see Scenario
//
// A connection opens by itself just before its first statement, unless that is SYN or the connection is midstream.
//
// # Conversation statements
//
//	NAME [MODIFIER...] > REQUEST | REQUEST…      one segment (or as many as its size needs) from the client
//	NAME [MODIFIER...] < REPLY | REPLY…          the same from the server
//	NAME > REQUEST =>[DELAY] REPLY               a request and its reply
//	NAME > SYN [refused|unanswered]              refused: the server answers RST, ACK
//	NAME > FIN, NAME > RST                       RST carries ACK; "RST bare" is a closed port's answer
//	NAME > ACK                                   an acknowledgement beyond those made by themselves
//	NAME > window N                              window update; the window stays so
//	NAME < keepalive                             probe: no data, at the place before the next one due
//	NAME > again [N]                             data segment N (from 1; the last one if left out) once more
//
// A request is words, sent as an array of bulk strings: GET k1. Words are quoted as in Go where needed ("a\r\n\x00"); a
// quoted first word is always a command, never SYN or FIN. <1000> anywhere in an unquoted word stands for 1000 bytes.
// "inline PING" is a line, raw "..." bytes as they are.
//
// A reply is +OK, -ERR text, :1, $text, nil ($-1), nil* (*-1), _, #t, ,1.5, (123, =txt:text, !ERR, [ … ] array, ~[ … ]
// set, >[ … ] push, %{ k v … } map, |{ k v … } attribute, raw "…". + and - take the rest of the line up to a lone "|";
// inside brackets text with spaces is quoted: +"a b".
//
// Modifiers: unseen (happens, but is not captured), lost (captured, never arrives), twice (captured twice, as by a mirror
// port), late=5ms (passes the capture point and arrives so much later than what was sent behind it), fin (FIN on the last
// segment),
// ack=N (relative as in Wireshark, 1 is the first byte), split=N,M (segment borders), part=A..B (only these bytes of
// the encoded text; B may be left out), ttl=N, ipid=N, nopush.
//
// # Expectations
//
// Of RS1xx to RS4xx a run must report what is wanted, may report what is allowed, and nothing else. What it reports of
// RS9xx, the quality of the capture, is only checked where it is wanted.
//
// A comment that begins with "want" names what the tool must report because of this line, one that stands alone what
// it must report at all:
//
//	# want RS101                      # want RS101 strong count=2: why
//	# want RS101 likely min=1 max=3, RS103
//	# want none                       nothing on this connection
//
// The confidence is the least that will do. Statements of their own:
//
//	silent                            the point is that nothing is wanted, or nothing of the rule it is about
//	allow RS109 RS210                 may be reported beside what is wanted
//	believes c1 5 <- 4 [strong]       the caller of c1's command 5 got the reply of command 4, or none
//	serves c1 5 <- 5                  the reply the server meant
package scenario
