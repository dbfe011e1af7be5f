package bench_test

import (
	"bufio"
	"io"
	"os"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	gopackettcp "github.com/google/gopacket/reassembly"

	"github.com/respsniff/respsniff/resp"
)

// walkGopacket is what a program on gopacket's own stages costs: pcapgo, DecodingLayerParser and gopacket's reassembly,
// with this project's decoders at the end, which only count.
func walkGopacket(tb testing.TB, file string) (n int) {
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(bufio.NewReaderSize(f, 256<<10))
	if err != nil {
		tb.Fatal(err)
	}
	var eth layers.Ethernet
	var ip layers.IPv4
	var tcp layers.TCP
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &eth, &ip, &tcp)
	parser.IgnoreUnsupported = true
	counts := &gopacketCounts{}
	assembler := gopackettcp.NewAssembler(gopackettcp.NewStreamPool(counts))
	var decoded []gopacket.LayerType
	for {
		data, info, err := r.ZeroCopyReadPacketData()
		if err == io.EOF {
			break
		} else if err != nil {
			tb.Fatal(err)
		}
		n++
		if err := parser.DecodeLayers(data, &decoded); err != nil {
			continue
		}
		if len(decoded) == 0 || decoded[len(decoded)-1] != layers.LayerTypeTCP {
			continue
		}
		assembler.AssembleWithContext(ip.NetworkFlow(), &tcp, (*gopacketContext)(&info))
	}
	assembler.FlushAll()
	if counts.requests+counts.replies == 0 {
		tb.Fatal("nothing was decoded")
	}
	return n
}

type gopacketContext gopacket.CaptureInfo

func (c *gopacketContext) GetCaptureInfo() gopacket.CaptureInfo { return gopacket.CaptureInfo(*c) }

type gopacketCounts struct{ requests, replies int }

// New makes a stream for a connection; its first packet is the client's.
func (c *gopacketCounts) New(_, _ gopacket.Flow, tcp *layers.TCP, _ gopackettcp.AssemblerContext) gopackettcp.Stream {
	return &gopacketStream{counts: c, swapped: tcp.SrcPort < tcp.DstPort}
}

type gopacketStream struct {
	counts   *gopacketCounts
	swapped  bool // the first packet seen was the server's
	requests resp.RequestDecoder
	replies  resp.ReplyDecoder
	request  resp.Request
	reply    resp.Reply
}

func (s *gopacketStream) Accept(_ *layers.TCP, _ gopacket.CaptureInfo, _ gopackettcp.TCPFlowDirection, _ gopackettcp.Sequence, start *bool, _ gopackettcp.AssemblerContext) bool {
	*start = true
	return true
}

func (s *gopacketStream) ReassembledSG(sg gopackettcp.ScatterGather, _ gopackettcp.AssemblerContext) {
	length, _ := sg.Lengths()
	data := sg.Fetch(length)
	direction, _, _, _ := sg.Info()
	client := direction == gopackettcp.TCPDirClientToServer != s.swapped
	if client {
		s.requests.Feed(data, 0)
		for s.requests.Next(&s.request) == nil {
			s.counts.requests++
		}
		return
	}
	s.replies.Feed(data, 0)
	for s.replies.Next(&s.reply) == nil {
		s.counts.replies++
	}
}

func (s *gopacketStream) ReassemblyComplete(gopackettcp.AssemblerContext) bool { return true }
