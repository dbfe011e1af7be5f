package desync

import (
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/resp"
)

// misread notes that the caller of ex got r's reply.
func misread(s *Callers, ex, r *pairing.Exchange, conf pairing.Confidence) {
	d := s.trouble()
	if s.Kind == pairing.TLS {
		if ex.Flags&pairing.NotAwaited == 0 {
			d.begin(ByAck, ex)
			d.Unread++
			d.Strongest, d.LastTime = max(d.Strongest, conf), ex.Time
		}
		return // nobody can say what the caller got
	}
	v := victim(s, ex, r, conf)
	if ex.Flags&pairing.NotAwaited != 0 {
		d.Quits++
		if d.QuitVictim.Index == 0 {
			d.QuitVictim = v
		}
		return
	}
	d.begin(ByAck, ex)
	d.tookRedirect(s, ex, r, v)
	d.NVictims++
	d.Strongest = max(d.Strongest, conf)
	d.ByCommand[v.Command]++
	d.BySaw[v.Saw]++
	d.LastTime = ex.Time
	d.Last = v
	if len(d.Victims) < maxVictims {
		d.Victims = append(d.Victims, v)
	}
}

// victim describes a caller that got another command's reply.
func victim(s *Callers, ex, r *pairing.Exchange, conf pairing.Confidence) pairing.Victim {
	v := pairing.Victim{
		Index: ex.Index, Command: ex.CommandName(), Key: s.Judging.Print.Key(ex), Believes: r.Index,
		Frame: ex.Frame, File: ex.File, Time: ex.Time, Confidence: conf, Meant: "none seen", Got: "an older reply",
	}
	if ex.Served {
		v.Serves, v.Meant = ex.Index, s.Judging.Print.Describe(ex, &ex.Serves)
	}
	if r.Served {
		v.Got = s.Judging.Print.Describe(r, &r.Serves)
	}
	if r.Caller.Half {
		v.Got = "the rest of " + v.Got
	}
	v.Saw = saw(ex, r)
	return v
}

// saw says what the program most likely noticed.
func saw(ex, r *pairing.Exchange) string {
	switch {
	case !r.Served:
		return "an unknown reply"
	case r.Serves.Kind == resp.Null:
		return "nil"
	case r.Serves.Kind == resp.Error:
		if _, ok := resp.ParseRedirect(r.Serves.Text.Raw()); ok {
			return "redirect"
		}
		return "error"
	case ex.Served && ex.Serves.Kind != r.Serves.Kind && ex.Serves.Kind != resp.Null && ex.Serves.Kind != resp.Error:
		return "wrong type"
	case ex.Served && sameReply(&ex.Serves, &r.Serves):
		return "the same value by luck"
	}
	return "wrong value"
}

func sameReply(a, b *pairing.ReplyInfo) bool {
	return a.Kind == b.Kind && a.N == b.N && a.Text.Whole() && string(a.Text.Raw()) == string(b.Text.Raw())
}
