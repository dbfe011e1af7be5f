package pairing

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// TestOrdinaryCommandsChangeNoMode sends each command that Session.sent does not examine on a steady connection.
func TestOrdinaryCommandsChangeNoMode(t *testing.T) {
	tried := 0
	for c := range commands.Commands() {
		if !ordinary[c.ID()] {
			continue
		}
		req := &resp.Request{NArgs: 9}
		for range req.NArgs {
			req.Args = append(req.Args, resp.Arg{Bytes: []byte("1"), Len: 1})
		}
		req.Last = req.Args[8]
		ex, m := Exchange{Request: Request{Command: c}}, mode{}
		m.request(verbOf(c, req), req, &ex)
		if _, blocks := c.BlockTimeout(req); blocks || m != (mode{}) || ex.Flags != 0 || ex.due != 1 || verbOf(c, req) != OtherVerb {
			t.Errorf("%s: blocks %v, mode %+v, flags %b, %d replies due", c, blocks, m, ex.Flags, ex.due)
		}
		tried++
	}
	if tried < 200 {
		t.Errorf("only %d commands are ordinary", tried)
	}
}

// TestResetForgetsTheCommandBefore resets a record in which everything is set: only what Session.sent sets itself, and the
// bytes of texts, may be left.
func TestResetForgetsTheCommandBefore(t *testing.T) {
	var ex Exchange
	fill(reflect.ValueOf(&ex).Elem())
	ex.reset()
	own := Exchange{Session: ex.Session, Index: ex.Index, Place: ex.Place, Outstanding: ex.Outstanding, Batch: ex.Batch}
	own.Call, own.Command, own.argc = ex.Call, ex.Command, ex.argc
	own.Name.buf, own.Key.buf, own.Serves.Text.buf = ex.Name.buf, ex.Key.buf, ex.Serves.Text.buf
	if !reflect.DeepEqual(ex, own) {
		t.Errorf("left:\n%+v\nwanted:\n%+v", ex, own)
	}
}

// fill sets every number, bool and string below v, unexported ones too.
func fill(v reflect.Value) {
	v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case v.CanInt():
		v.SetInt(1)
	case v.CanUint():
		v.SetUint(1)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.String:
		v.SetString("x")
	}
}

// TestFollowsReturnsEarly holds what a timestamp leaves that follows takes against what stamp makes of it.
func TestFollowsReturnsEarly(t *testing.T) {
	early, echoed := 0, 0
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var f, g hidden
		clock := [2]uint32{rnd.Uint32(), rnd.Uint32()}
		for frame := range int64(200) {
			who := rnd.IntN(2)
			clock[who] += rnd.Uint32N(2)
			seg := &reassembly.Segment{Frame: frame, HasTS: true, TSVal: clock[who], TSEcr: clock[1-who]}
			switch rnd.IntN(20) {
			case 0:
				seg.TSVal -= rnd.Uint32N(5)
			case 1:
				seg.TSEcr += rnd.Uint32N(5)
			case 2:
				seg.Missing = 3
				f.hole(who, seg)
				g.hole(who, seg)
			}
			if seg.Missing == 0 && f.follows(&f.clocks[who], &f.clocks[1-who], seg) {
				early++
			} else {
				f.stamp(who, seg)
			}
			if g.stamp(who, seg); f != g {
				t.Fatalf("seed %d, frame %d:\n%+v\n%+v", seed, frame, f, g)
			}
		}
		echoed += g.Unechoed
	}
	if early < 10000 || echoed < 100 {
		t.Errorf("%d early, %d echoes of packets never captured", early, echoed)
	}
}
