package protect

import (
	"bytes"
	"testing"
)

// TestRecordsOfOpenSSL has what s_client of OpenSSL 3.0.19 wrote: a line, a KeyUpdate that asks for one (its command K), another line; and the secrets of
// its key log, which names the second CLIENT_TRAFFIC_SECRET_N.
func TestRecordsOfOpenSSL(t *testing.T) {
	for _, c := range []struct {
		suite                             uint16
		secret, next, line, update, after string
	}{
		{0x1302,
			"1aacee51e37e7eefb302889bb82e4da6da7a8f825c4267671578df9f52e44b0602bcbcf9e82611ca0afa5fb9880562fb",
			"03d7741df26bf229c38f18411068734ed198b66dcbcdf6ef5683dc9ea99a09da35df14a88d99e8f077536fcab805c01c",
			"1703030016c5ac339a9993c6684bed3733fd2c4e499df9c39dcae5",
			"17030300161d2a346b94d2771216ccdedc6133e5a0ce290b1b3c9d",
			"17030300191851cb369cb00332b692d49f716c937cc4ddb80b021825ab1b"},
		{0x1303,
			"daeab92dd806d41b296bf09aebab6197cf7180611ffe0969417558fb282bf534",
			"73e6d7b457f70afef8f318f45d0992276b304b0c97036f87b9b6c55e4c675545",
			"170303001679a6f014250595d32285f7b9eac8956372d4d4101c8c",
			"1703030016a6d5007be0ac2da3c997e79eafc2b54f2889c8606c5a",
			"17030300198f180272a710c32969d06e1d063294342dc118df89cda9a23f"},
	} {
		k, err := New13(ByNumber(c.suite), unhex(t, c.secret))
		if err != nil {
			t.Fatal(err)
		}
		next := k.Next()
		if !bytes.Equal(next.secret, unhex(t, c.next)) {
			t.Errorf("%s: another secret behind the KeyUpdate", k.Suite().Name)
		}
		for i, r := range []struct {
			keys   *Keys
			record string
			seq    uint64
			typ    byte
			want   string
		}{
			{k, c.line, 0, 23, "PING\n"},
			{k, c.update, 1, 22, "\x18\x00\x00\x01\x01"},
			{next, c.after, 0, 23, "GET key\n"},
		} {
			b := unhex(t, r.record)
			content, typ, ok := r.keys.Open(nil, b[:5], b[5:], r.seq)
			if !ok || typ != r.typ || string(content) != r.want {
				t.Errorf("%s, record %d: %q of type %d, %v", k.Suite().Name, i, content, typ, ok)
			}
			if seq, ok := r.keys.Search(b[:5], b[5:], 0, 5); !ok || seq != r.seq {
				t.Errorf("%s, record %d: sequence number %d, %v", k.Suite().Name, i, seq, ok)
			}
		}
	}
}
