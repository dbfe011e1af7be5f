package reassembly

import (
	"encoding/binary"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/respsniff/respsniff/capture"
)

// notUsed is a decoder of gopacket that is not used, though the header that it is for is decoded here.
type notUsed struct {
	name   string // as in docs/dependencies.md
	decode func(data []byte) (payload []byte, err error)
	packet func(header []byte) (capture.LinkType, []byte) // makes a packet for the walk of such a header and what follows
}

var decodersNotUsed = []notUsed{
	{"MPLS", layerOf(layers.LayerTypeMPLS), inEthernet(etherMPLS)},
	{"PPP", layerOf(layers.LayerTypePPP), func(h []byte) (capture.LinkType, []byte) { return capture.LinkPPP, h }},
	{"PPPoE", layerOf(layers.LayerTypePPPoE), inEthernet(etherPPPoE)},
	{"GRE", headerOf(func() selfDecoder { return &layers.GRE{} }), inIPv4(protoGRE)},
	{"ERSPANII", headerOf(func() selfDecoder { return &layers.ERSPANII{} }), inGRE("1000 88be 00000001")},
	{"Geneve", headerOf(func() selfDecoder { return &layers.Geneve{} }), inTunnel(portGeneve)},
	{"GTPv1U", headerOf(func() selfDecoder { return &layers.GTPv1U{} }), inTunnel(portGTPU)},
	{"UDP", headerOf(func() selfDecoder { return &layers.UDP{} }), inIPv4(protoUDP)},
	{"IPSecAH", layerOf(layers.LayerTypeIPSecAH), inIPv6(protoAH)},
	{"IPv6", headerOf(func() selfDecoder { return &layers.IPv6{} }), func(h []byte) (capture.LinkType, []byte) { return capture.LinkRaw, h }},
	{"RadioTap", headerOf(func() selfDecoder { return &layers.RadioTap{} }), func(h []byte) (capture.LinkType, []byte) { return capture.LinkRadiotap, h }},
	{"Dot11", headerOf(func() selfDecoder { return &layers.Dot11{} }), func(h []byte) (capture.LinkType, []byte) { return capture.Link80211, h }},
	{"PrismHeader", headerOf(func() selfDecoder { return &layers.PrismHeader{} }), func(h []byte) (capture.LinkType, []byte) { return capture.LinkPrism, h }},
	{"PFLog", headerOf(func() selfDecoder { return &layers.PFLog{} }), func(h []byte) (capture.LinkType, []byte) { return capture.LinkPFLog, h }},
	{"LinuxSLL", headerOf(func() selfDecoder { return &layers.LinuxSLL{} }), func(h []byte) (capture.LinkType, []byte) { return capture.LinkSLL, h }},
}

// selfDecoder is a decoder that does without gopacket.NewPacket.
type selfDecoder interface {
	DecodeFromBytes([]byte, gopacket.DecodeFeedback) error
	LayerPayload() []byte
}

// headerOf runs such a decoder.
func headerOf(make func() selfDecoder) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) {
		d := make()
		err := d.DecodeFromBytes(data, gopacket.NilDecodeFeedback)
		return d.LayerPayload(), err
	}
}

// layerOf runs a decoder that only gopacket.NewPacket takes.
func layerOf(first gopacket.LayerType) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) {
		p := gopacket.NewPacket(data, first, gopacket.DecodeOptions{NoCopy: true, Lazy: true, SkipDecodeRecovery: true})
		l := p.Layer(first)
		if l == nil {
			return nil, p.ErrorLayer().Error()
		}
		var err error
		if bad := p.ErrorLayer(); bad != nil {
			err = bad.Error()
		}
		return l.LayerPayload(), err
	}
}

func inEthernet(kind uint16) func([]byte) (capture.LinkType, []byte) {
	return func(h []byte) (capture.LinkType, []byte) {
		return capture.LinkEthernet, join(etherTo, binary.BigEndian.AppendUint16(nil, kind), h)
	}
}

func inIPv4(proto uint8) func([]byte) (capture.LinkType, []byte) {
	return func(h []byte) (capture.LinkType, []byte) {
		return capture.LinkRaw, ipv4Bytes(addrB, addrA, proto, 2, h)
	}
}

func inIPv6(next uint8) func([]byte) (capture.LinkType, []byte) {
	return func(h []byte) (capture.LinkType, []byte) { return capture.LinkRaw, ipv6Bytes(six1, six2, next, h) }
}

func inGRE(gre string) func([]byte) (capture.LinkType, []byte) {
	return func(h []byte) (capture.LinkType, []byte) { return inIPv4(protoGRE)(join(gre, h)) }
}

func inTunnel(port uint16) func([]byte) (capture.LinkType, []byte) {
	return func(h []byte) (capture.LinkType, []byte) { return inIPv4(protoUDP)(udp(port, h)) }
}

// notUsedRow is a row of the table of docs/dependencies.md: decoder, input, what gopacket does, what the walk does.
var notUsedRow = regexp.MustCompile("(?m)^\\| `([A-Za-z0-9]+)` \\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\|")

// TestDecodersThatAreNotUsed runs the inputs of docs/dependencies.md through gopacket's decoders and through the walk.
// TCP stands for a TCP segment, IP for an IPv4 packet with it, ETH for an Ethernet frame with that, VXLAN for a VXLAN header with that; 00*9 for nine bytes.
func TestDecodersThatAreNotUsed(t *testing.T) {
	page, err := os.ReadFile("../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	tcp := tcpBytes(40000, 6379, 77, 88, ACK|PSH, nil, []byte("PING\r\n"))
	ip := ipv4Bytes(addrA, addrB, protoTCP, 1, tcp)
	inner := map[string][]byte{"TCP": tcp, "IP": ip, "SNAP": join("aaaa03000000 0800", ip), "AIR": join("0801 0000 020000000001 020000000001 020000000001 0000 aaaa03000000 0800", ip), "ETH": join(etherV4, ip), "VXLAN": udp(4789, join("08000000 00000100", etherV4, ip))[udpHeader:]}
	seen := map[string]bool{}
	for _, row := range notUsedRow.FindAllStringSubmatch(string(page), -1) {
		name, input := row[1], row[2]
		i := slices.IndexFunc(decodersNotUsed, func(u notUsed) bool { return u.name == name })
		if i < 0 {
			t.Errorf("docs/dependencies.md gives an input for %s, which this test does not know", name)
			continue
		}
		seen[name] = true
		var data, payload []byte
		for _, word := range strings.Fields(input) {
			if b, ok := inner[word]; ok {
				payload = b
				data = append(data, b...)
			} else if b, times, ok := strings.Cut(word, "*"); ok {
				n, err := strconv.Atoi(times)
				if err != nil {
					t.Fatal(err)
				}
				for range n {
					data = append(data, join(b)...)
				}
			} else {
				data = append(data, join(word)...)
			}
		}
		if got := gopacketDoes(t, decodersNotUsed[i].decode, data, payload); got != row[3] {
			t.Errorf("%s of %s: gopacket: %s; docs/dependencies.md says %s", name, input, got, row[3])
		}
		p := capture.Packet{}
		p.Link, p.Data = decodersNotUsed[i].packet(data)
		p.Length = len(p.Data)
		if got := walkDoes(p); got != row[4] {
			t.Errorf("%s of %s: the walk: %s; docs/dependencies.md says %s", name, input, got, row[4])
		}
	}
	for _, u := range decodersNotUsed {
		if !seen[u.name] {
			t.Errorf("docs/dependencies.md gives no input for %s", u.name)
		}
	}
}

// gopacketDoes says in the words of docs/dependencies.md what a decoder makes of data, which ends with payload.
func gopacketDoes(t *testing.T, decode func([]byte) ([]byte, error), data, payload []byte) (did string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	defer func() {
		if recover() != nil {
			did = "panics"
		}
		os.Stdout = stdout
		w.Close()
		if printed, _ := io.ReadAll(r); len(printed) > 0 {
			did = "prints to standard output"
		}
		r.Close()
	}()
	got, err := decode(data[:len(data):len(data)])
	switch {
	case err != nil:
		return "error"
	case string(got) != string(payload):
		return "wrong place"
	}
	return "right"
}

// walkDoes says likewise what the walk makes of a packet.
func walkDoes(p capture.Packet) string {
	var s Stats
	d := decoder{stats: &s}
	var out packet
	if d.walk(&p, &out) {
		if string(out.Payload) == "PING\r\n" {
			return "reads the segment"
		}
		return "another segment"
	}
	for f, n := range s.Undecodable {
		if n > 0 {
			return Fault(f).String()
		}
	}
	return "no segment"
}

// TestGeneveOptionsPile: each packet leaves its options with the decoder, which is made to be used again.
func TestGeneveOptionsPile(t *testing.T) {
	var g layers.Geneve
	for range 3 {
		if err := g.DecodeFromBytes(join("01000800 00000100 00000000"), gopacket.NilDecodeFeedback); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.Options) != 3 {
		t.Errorf("three packets of one option leave %d options: the decoder forgets now", len(g.Options))
	}
}

// TestDecodersWithoutParser: these fit no DecodingLayerParser, and all but Geneve can be had through gopacket.NewPacket
// alone, which decodes all that a packet says it holds with decoders that nobody has named.
func TestDecodersWithoutParser(t *testing.T) {
	for _, l := range []any{&layers.MPLS{}, &layers.PPP{}, &layers.PPPoE{}, &layers.Geneve{}, &layers.IPSecAH{}, &layers.IPv6Fragment{}, &layers.IPv6Routing{}} {
		if _, ok := l.(gopacket.DecodingLayer); ok {
			t.Errorf("%T fits a DecodingLayerParser now", l)
		}
	}
}
