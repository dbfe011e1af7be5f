package scenario

import (
	"bytes"
	"io"

	"github.com/respsniff/respsniff/capture"
)

// writePacket writes one packet into a capture file.
type writePacket func(p capture.Packet) error

// WriteCapture writes the scenario as a capture: pcap, or with ng pcapng.
func (s *Scenario) WriteCapture(w io.Writer, ng bool) error {
	var out writePacket
	var buf bytes.Buffer
	for p, err := range s.Packets() {
		if err != nil {
			return err
		}
		if out == nil {
			if out, err = newPacketWriter(&buf, p.Link, ng); err != nil {
				return err
			}
		}
		if err := out(p); err != nil {
			return err
		}
	}
	if out == nil {
		if _, err := newPacketWriter(&buf, capture.LinkEthernet, ng); err != nil {
			return err
		}
	}
	_, err := w.Write(buf.Bytes())
	return err
}

func newPacketWriter(w io.Writer, link capture.LinkType, ng bool) (writePacket, error) {
	if ng {
		out, err := capture.NewWriter(w, capture.WriterOptions{})
		if err != nil {
			return nil, err
		}
		return func(p capture.Packet) error { return out.Write(p, "") }, nil
	}
	out, err := capture.NewPcapWriter(w, capture.PcapOptions{Link: link})
	if err != nil {
		return nil, err
	}
	return out.Write, nil
}
