package capture

import "slices"

// Bounds on what is kept of a file's own texts and lists, so that a hostile file cannot grow them.
const (
	maxInterfaces = 65536 // interfaces of one file, all sections together
	maxLinkTypes  = 64    // distinct link types listed for one file
	maxNotes      = 16    // notes on one file
	maxInfoText   = 1024  // bytes kept of a comment
	maxInfoName   = 256   // bytes kept of an interface's name
)

// FileInfo is what is known of one input. Counters are complete when the packets of the file have been read.
// Texts come from the capture as they are: escape them before printing.
type FileInfo struct {
	Name        string // as named, or the path inside the named directory; "-" is standard input
	Format      string // "pcap", "pcapng", "tcpdump text"; empty if the input could not be recognised
	Compression string // "gzip", "zstd" or empty

	Packets    int64 // packets delivered
	Bytes      int64 // captured bytes of these packets
	WireBytes  int64 // their lengths on the wire
	Truncated  int64 // packets of which less was captured than was on the wire
	OutOfOrder int64 // packets with a time before that of an earlier one

	LinkTypes  []LinkType // of the packets, in order of appearance
	Snaplen    int        // largest of the interfaces, in bytes; 0 if unknown or without limit
	First      Time       // earliest time; 0 without packets
	Last       Time       // latest time; 0 without packets
	Interfaces []Interface

	Drops    Drops  // what the capturing side says it lost
	Comments int64  // comments on sections, interfaces and packets
	Comment  string // the first of them, at most 1 KiB

	Notes []string // what the reader had to assume, for instance a missing date
	Err   error    // the first error of this file; errors.Is(Err, ErrCut) if it is cut off
}

// Interface is one interface of a pcapng file; a classic pcap has one without a name.
type Interface struct {
	Section int // 1-based section of the file
	Number  int // within its section, as in Packet.Interface
	Name    string
	Link    LinkType
	Snaplen int   // bytes; 0 is no limit
	Drops   Drops // of its last statistics block
}

func (f *FileInfo) note(s string) {
	if len(f.Notes) < maxNotes && !slices.Contains(f.Notes, s) {
		f.Notes = append(f.Notes, s)
	}
}

func (f *FileInfo) addLink(l LinkType) {
	if len(f.LinkTypes) < maxLinkTypes && !slices.Contains(f.LinkTypes, l) {
		f.LinkTypes = append(f.LinkTypes, l)
	}
}

func (f *FileInfo) addComment(text []byte) {
	f.Comments++
	if f.Comment == "" {
		f.Comment = clip(text, maxInfoText)
	}
}

// record counts a delivered packet; runMax is the latest time of the packets before it.
func (f *FileInfo) record(p *Packet, runMax Time) {
	if f.Packets == 0 {
		f.First, f.Last = p.Time, p.Time
	} else if p.Time < runMax {
		f.OutOfOrder++
		if p.Time < f.First {
			f.First = p.Time
		}
	} else {
		f.Last = p.Time
	}
	f.Packets++
	f.Bytes += int64(len(p.Data))
	f.WireBytes += int64(p.Length)
	if len(p.Data) < p.Length {
		f.Truncated++
	}
}

// recordAll does what record does, for packets behind the first, and returns the latest time with theirs.
func (f *FileInfo) recordAll(packets []Packet, runMax Time) Time {
	var captured, wire int64
	for i := range packets {
		p := &packets[i]
		if p.Time < runMax {
			f.OutOfOrder++
			f.First = min(f.First, p.Time)
		} else {
			runMax = p.Time
		}
		captured += int64(len(p.Data))
		wire += int64(p.Length)
		if len(p.Data) < p.Length {
			f.Truncated++
		}
	}
	f.Last = runMax
	f.Packets += int64(len(packets))
	f.Bytes += captured
	f.WireBytes += wire
	return runMax
}

// clip copies at most n bytes.
func clip(b []byte, n int) string {
	if len(b) > n {
		b = b[:n]
	}
	return string(b)
}
