package reassembly

// Stats counts what an Assembler has seen: what the capture has, hides and lacks.
type Stats struct {
	PacketStats
	FragmentStats
	ConnStats
	StreamStats
}

// PacketStats counts what the packets were, layer by layer.
type PacketStats struct {
	Packets int64 // packets taken in

	IPv4, IPv6  int64 // TCP packets by the IP version next to TCP
	NonIP       int64 // ARP, STP, LLDP and the like
	NonTCP      int64 // IP that carries neither TCP nor a tunnel known here
	Filtered    int64 // TCP packets outside Options.Ports
	Undecodable [Faults]int64
	Tunnels     [Tunnels]int64

	Truncated int64 // packets that the snapshot length cut
	SnapLen   int   // captured bytes of the longest of them, 0 if none
}

// FragmentStats counts IP fragments.
type FragmentStats struct {
	FragmentsIn      int64 // IP fragments seen
	FragmentsJoined  int64 // packets put together from fragments
	FragmentsDropped int64 // packets given up, or not whole by now: overlap, cut payload, timeout or a limit of Bounds
}

// ConnStats counts connections, and packets that did not follow the order of theirs.
type ConnStats struct {
	Conns int64 // TCP connections opened

	Duplicates  int64 // exact copies dropped (SPAN, `-i any`)
	Backwards   int64 // frames more than ReorderWindow earlier than one before them
	ClockSteps  int64 // steps of the clock by more than an hour, either way
	OutOfWindow int64 // packets whose sequence number fits no window of their connection; their payload is dropped
	AfterEnd    int64 // late packets of connections whose End had been handed out; dropped
}

// StreamStats counts the bytes of the streams, and the holes in them.
type StreamStats struct {
	Segments int64 // segments handed out, final ones not counted

	Conflicts    int64 // segments that repeated bytes with others than the first copy has, as far as Segment.Conflict shows it
	Reordered    int64 // segments captured after later bytes of their direction: reordering or retransmission after loss
	LostBytes    int64 // stream bytes never captured
	Holes        int64 // runs of such bytes
	CutBytes     int64 // stream bytes beyond the snapshot length
	Buffered     int   // bytes queued behind holes now
	PeakBuffered int   // the most there were
}

// Fault is a reason why a packet could not be decoded.
type Fault uint8

// Faults of packets.
const (
	UnknownLink Fault = iota // a link type that is not decoded here
	ShortLink                // link layer header cut off
	BadLink                  // link layer header that contradicts itself
	ShortIP                  // IP or IPv6 extension header cut off
	BadIP                    // wrong version, header length or total length
	ShortTCP                 // TCP header cut off
	BadTCP                   // data offset below 5 words or beyond the packet
	BadTunnel                // tunnel header cut off or contradicting itself
	TooDeep                  // more nested layers than maxLayers
	Faults                   // number of faults
)

// String returns the fault in words.
func (f Fault) String() string {
	return [...]string{"unknown link type", "short link layer", "bad link layer", "short IP header", "bad IP header",
		"short TCP header", "bad TCP header", "bad tunnel header", "layers nested too deep", "?"}[min(f, Faults)]
}

// Tunnel is a kind of encapsulation between the link layer and TCP.
type Tunnel uint8

// Encapsulations.
const (
	VLAN Tunnel = iota
	MPLS
	PPPoE
	IPIP // IP in IP, 6in4 and their relatives
	GRE
	ERSPAN
	VXLAN
	Geneve
	GTPU
	EtherIP
	Tagged   // tags of switches and packet brokers other than VLAN, Ethernet in Ethernet, NSH
	OtherUDP // VXLAN-GPE and VXLAN on a port of its own, TZSP, L2TP, MPLS in UDP
	Tunnels  // number of kinds
)

// String returns the encapsulation's name.
func (t Tunnel) String() string {
	return [...]string{"VLAN", "MPLS", "PPPoE", "IP-in-IP", "GRE", "ERSPAN", "VXLAN", "Geneve", "GTP-U",
		"EtherIP", "switch header", "UDP tunnel", "?"}[min(t, Tunnels)]
}
