package tlsrecord

import "testing"

// sealedStep is one record, and whether it has content of the application.
type sealedStep struct {
	client bool
	typ    uint8
	length int
	end    int64
	ack    int64
	app    bool
}

const (
	fromClient = true
	fromServer = false
)

func TestSealedRecords(t *testing.T) {
	// A client that speaks TLS 1.3 with SHA-256, up to its Finished: the server has its flight when it acknowledges 700.
	handshake := []sealedStep{
		{fromServer, typeApplicationData, 27, 200, 500, false},   // EncryptedExtensions
		{fromServer, typeApplicationData, 900, 1100, 500, false}, // Certificate
		{fromServer, typeApplicationData, 53, 1160, 500, false},  // its Finished
		{fromClient, typeChangeCipherSpec, 1, 506, 1160, false},
		{fromClient, typeApplicationData, 53, 564, 1160, false},
	}
	for _, test := range []struct {
		name    string
		version uint16
		suite   uint16
		before  []sealedStep
		steps   []sealedStep
		tickets int // the length of those of the server that are known
	}{
		{"tickets before the first command", tls13, 0x1301, handshake, []sealedStep{
			{fromServer, typeApplicationData, 234, 1400, 564, false},
			{fromServer, typeApplicationData, 234, 1640, 564, false},
			{fromClient, typeApplicationData, 60, 630, 1640, true},
			{fromServer, typeApplicationData, 24, 1670, 630, true},
			{fromServer, typeApplicationData, 234, 1910, 630, true}, // a reply of the same length
		}, 0},
		{"a ticket of a known length that acknowledges the first command", tls13, 0x1301, handshake, []sealedStep{
			{fromClient, typeApplicationData, 60, 630, 1160, true},
			{fromServer, typeApplicationData, 234, 1400, 630, false},
			{fromServer, typeApplicationData, 24, 1430, 630, true},
		}, 234},
		{"the same, not known: the second of a length shows it", tls13, 0x1301, handshake, []sealedStep{
			{fromClient, typeApplicationData, 60, 630, 1160, true},
			{fromServer, typeApplicationData, 234, 1400, 630, true},
			{fromServer, typeApplicationData, 234, 1640, 630, false},
			{fromServer, typeApplicationData, 24, 1670, 630, true},
		}, 0},
		{"short replies are no tickets", tls13, 0x1301, handshake, []sealedStep{
			{fromClient, typeApplicationData, 60, 630, 1160, true},
			{fromServer, typeApplicationData, 22, 1190, 630, true},
			{fromServer, typeApplicationData, 22, 1220, 630, true},
		}, 0},
		{"a client certificate", tls13, 0x1302, handshake[:3], []sealedStep{
			{fromClient, typeApplicationData, 800, 1306, 1160, false},
			{fromClient, typeApplicationData, 96, 1407, 1160, false},
			{fromClient, typeApplicationData, 69, 1481, 1160, false},
			{fromClient, typeApplicationData, 60, 1546, 1160, true},
		}, 0},
		{"a padded Finished: the server goes on behind it only", tls13, 0x1301, handshake[:3], []sealedStep{
			{fromClient, typeApplicationData, 128, 633, 1160, false},
			{fromServer, typeApplicationData, 234, 1400, 633, false},
			{fromClient, typeApplicationData, 53, 691, 1400, true},
		}, 0},
		{"alerts and key updates", tls13, 0x1301, handshake, []sealedStep{
			{fromClient, typeApplicationData, 60, 630, 1160, true},
			{fromServer, typeApplicationData, 24, 1190, 630, true},
			{fromClient, typeApplicationData, 22, 657, 1190, false}, // KeyUpdate
			{fromServer, typeApplicationData, 22, 1217, 657, false}, // the server's, as nothing was asked
			{fromClient, typeApplicationData, 22, 684, 1217, false},
			{fromClient, typeApplicationData, 60, 750, 1217, true},
			{fromServer, typeApplicationData, 22, 1244, 750, true}, // "+OK", or a KeyUpdate: a reply is due
			{fromClient, typeApplicationData, 19, 774, 1244, false},
			{fromServer, typeApplicationData, 19, 1268, 774, false},
		}, 0},
		{"TLS 1.2 says it in the clear", 0x0303, 0xc02f, nil, []sealedStep{
			{fromClient, typeHandshake, 40, 400, 900, false},
			{fromServer, typeHandshake, 40, 950, 400, false},
			{fromClient, typeApplicationData, 53, 458, 950, true},
			{fromServer, typeApplicationData, 22, 977, 458, true},
			{fromServer, typeAlert, 26, 1008, 458, false},
		}, 0},
		{"begun before the capture", 0, 0, nil, []sealedStep{
			{fromServer, typeApplicationData, 234, 240, 0, true},
			{fromClient, typeApplicationData, 53, 58, 240, true},
			{fromClient, typeApplicationData, 22, 85, 240, false},
			{fromClient, typeApplicationData, 19, 109, 240, false},
		}, 0},
		{"begun before the capture, TLS 1.2 by an alert", 0, 0, nil, []sealedStep{
			{fromClient, typeAlert, 18, 23, 0, false},
			{fromClient, typeApplicationData, 22, 50, 0, true},
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			known := &Tickets{}
			known.add(test.tickets)
			var s Sealed
			if test.version != 0 {
				s.Hello(test.version, test.suite, known)
			}
			for i, r := range append(append([]sealedStep{}, test.before...), test.steps...) {
				if app := s.Application(&SealedRecord{r.typ, r.length, r.client, r.end, r.ack}); app != r.app {
					t.Errorf("record %d, %+v: of the application %v", i+1, r, app)
				}
			}
		})
	}
}

// TestTicketsAreLearned: what one connection shows of the tickets of a server counts for the next.
func TestTicketsAreLearned(t *testing.T) {
	var known Tickets
	for round, want := range []bool{true, false} {
		var s Sealed
		s.Hello(tls13, 0x1301, &known)
		for _, r := range []SealedRecord{
			{typeApplicationData, 53, fromClient, 58, 0}, {typeApplicationData, 60, fromClient, 123, 0},
		} {
			s.Application(&r)
		}
		if app := s.Application(&SealedRecord{typeApplicationData, 250, fromServer, 255, 123}); app != want {
			t.Errorf("connection %d: its first ticket is of the application: %v", round+1, app)
		}
		s.Application(&SealedRecord{typeApplicationData, 250, fromServer, 510, 123})
	}
}

// TestLostFinished: where bytes of the client were lost, what follows is not of the handshake.
func TestLostFinished(t *testing.T) {
	var s Sealed
	s.Hello(tls13, 0x1301, nil)
	s.Lost(true)
	if !s.Application(&SealedRecord{typeApplicationData, 60, fromClient, 300, 100}) {
		t.Error("the first command is taken for the handshake")
	}
}
