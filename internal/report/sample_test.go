package report

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

var sampleStart = capture.TimeOf(time.Date(2026, 11, 21, 19, 24, 21, 293321000, time.UTC))

// sample is a run with a stall that led to a dirty reuse, a harmless finding, and a lossy capture.
func sample() *Document {
	client := netip.MustParseAddr("198.18.0.2")
	server := netip.MustParseAddrPort("198.18.0.11:14159")
	at := func(d time.Duration) capture.Time { return sampleStart.Add(d) }
	stall := incident.Finding{
		Rule: "RS401", Name: "server-stall", Severity: incident.Medium, Confidence: pairing.Strong,
		Title: "198.18.0.11:14159 answered nobody for 2.2 s", Fingerprint: "5a1100aa", Server: server,
		First: at(-2 * time.Second), Last: at(200 * time.Millisecond), Count: 1, Connections: 12,
		Remedy: "Look for slow commands and forks on the server at that time: SLOWLOG GET, LATENCY DOCTOR.",
	}
	dirty := incident.Finding{
		Rule: "RS101", Name: "dirty-reuse", Severity: incident.Critical, Confidence: pairing.Proven,
		Title:       "38 connections were used again while a reply was still owed",
		Fingerprint: "9f3c21d07be4", Client: client, Server: server, Library: "jedis", Policy: "lockstep",
		First: at(0), Last: at(42 * time.Second), Count: 111, Connections: 38,
		Causes:   []string{stall.Fingerprint},
		Victims:  []incident.Tally{{Label: "nil", Count: 60}, {Label: "wrong type", Count: 51}},
		Commands: []incident.Tally{{Label: "GET", Count: 88}, {Label: "PING", Count: 23}},
		Notes:    []string{"Not pipelining: jedis waited for each reply over 412 commands before this."},
		Remedy:   "Close a connection whose read timed out; never return it to the pool. Jedis before 2.7.3 does return it.",
		Examples: []incident.Example{{
			Conn: 412, Client: netip.MustParseAddrPort("198.18.0.2:47868"), Server: server, File: "a.pcap",
			Time: at(0), Frames: []int64{4396, 4401}, Confidence: pairing.Proven,
			Facts:  []string{"ACK 12 < 44: no byte of the reply had arrived.", "The connection was silent for 300.3 ms, then a PING was written."},
			Filter: "tcp.port==47868 && frame.number>=4390 && frame.number<=4460",
			Victims: []pairing.Victim{
				{Index: 3, Command: "GET", Key: "short_url_pre.OZfaJY", Serves: 3, Believes: 2, Frame: 4396, Time: at(0),
					Meant: "null", Got: "bulk, 57 bytes", Saw: "wrong value", Confidence: pairing.Strong},
				{Index: 4, Command: "QUIT", Serves: 0, Believes: 3, Frame: 4470, Time: at(time.Second), Got: "null", Saw: "nil", Confidence: pairing.Likely},
			},
			Ladder: []incident.Step{
				{Frame: 4390, Time: at(-300300 * time.Microsecond), FromClient: true, Seq: 41, Ack: 12, Length: 38, What: "GET short_url_pre.qGZmAb"},
				{Frame: 4396, Time: at(0), FromClient: true, Seq: 79, Ack: 12, Length: 14, What: "PING", Mark: "300.3 ms later, no byte in between"},
				{Frame: 4401, Time: at(time.Millisecond), Seq: 12, Ack: 93, Length: 32, What: "$-1 (GET's reply), +PONG"},
			},
		}},
	}
	quit := incident.Finding{
		Rule: "RS109", Name: "quit-misread", Severity: incident.Low, Confidence: pairing.Likely, Weakened: true,
		Title: "QUIT's reader got an older reply 12 times; harmless", Fingerprint: "77aa00", Client: client,
		Server: netip.MustParseAddrPort("[2001:db8::1]:6379"), First: at(time.Second), Last: at(time.Second), Count: 12, Connections: 12,
		Remedy: "Nothing: the connection was closed right after.",
	}
	loss := incident.Finding{
		Rule: "RS901", Name: "capture-loss", Severity: incident.Info, Confidence: pairing.Proven,
		Title: "27 packets (0.4 %) are missing. Findings marked * have a gap in their window", Fingerprint: "900", Count: 27,
		First: at(0), Last: at(0), Remedy: "Capture with a larger buffer: tcpdump -B 16384.",
	}
	d := &Document{
		Tool: Tool{Name: "respsniff", Version: "0.1.0"}, Complete: true,
		Input: []Input{{File: "a.pcap", Format: "pcap", Packets: 6123, Bytes: 912345, LinkTypes: []string{"EN10MB"},
			First: at(-3 * time.Second), Last: at(60*time.Second + 1), KernelDrops: 27}},
		Quality: Quality{KernelDrops: 27, LostBytes: 1234, Holes: 3, Weakened: true, LimitsReached: []string{}},
		Summary: Summary{Packets: 6123, Connections: 99, Redis: 97, Commands: 12345, Replies: 12340, Clients: 2, Servers: 3,
			First: at(-3 * time.Second), Last: at(60*time.Second + 1), Suppressed: 4},
		Findings: []incident.Finding{loss, dirty, stall, quit},
	}
	d.Incidents = incident.Join(d.Findings, nil)
	d.Incidents[0].Story = incident.Story{Conn: 412, Client: netip.MustParseAddrPort("198.18.0.2:47868"), Server: server, File: "a.pcap", More: 3, Rows: []incident.StoryRow{
		{Time: at(-300300 * time.Microsecond), Frame: 4390, What: "the server answers nobody from here on, for 2.200 s"},
		{Time: at(-300300 * time.Microsecond), Frame: 4390, Index: 2, What: "GET short_url_pre.qGZmAb"},
		{Time: at(0), Frame: 4396, Index: 3, What: "PING", Note: "300 ms after #2, whose reply is still owed: the connection is used again", Serves: 3, Believes: 2,
			Meant: "+PONG", Got: "nil", Role: incident.RoleEffect},
		{Time: at(time.Minute), What: "still open when the capture ended", Role: incident.RoleEffect},
	}}
	d.Incidents[0].Others = []incident.Outline{{Conn: 413, Client: netip.MustParseAddrPort("198.18.0.2:47869"), Server: server, Time: at(time.Second), Frame: 4500,
		What: "7 calls misread; still open; GET a unread at GET b"}}
	return d
}
