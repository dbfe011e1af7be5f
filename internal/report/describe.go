package report

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
)

// Describer words the parts of a document that every format for people shows alike.
type Describer struct {
	Document *Document
	Clock    Clock
}

// Who says between whom a finding is, and how often.
func (t Describer) Who(f *incident.Finding) string {
	who := AddrText(f.Client)
	var about []string
	for _, s := range []string{f.Library, f.Policy} {
		if s != "" {
			about = append(about, Printable(s))
		}
	}
	if len(about) > 0 {
		who += " (" + strings.Join(about, ", ") + ")"
	}
	if f.Server.IsValid() {
		if who != "" {
			who += " -> "
		}
		who += AddrPortText(f.Server)
	}
	if f.Connections > 0 {
		who += ", " + Count(int64(f.Connections), "connection")
	}
	return strings.TrimPrefix(who+", "+Count(int64(f.Count), "time"), ", ")
}

// When says from when to when.
func (t Describer) When(f *incident.Finding) string {
	if f.First == 0 {
		return ""
	}
	c := t.Clock
	text := c.Full(f.First, 0)
	if f.Last > f.First {
		text += " to " + c.Short(f.Last, f.First)
	}
	if zone := c.ZoneName(f.First); zone != "" {
		text += " " + zone
	}
	return text
}

// Parties says who was hurt, and by which servers.
func (t Describer) Parties(in *incident.Incident) string {
	var clients, servers []string
	for _, c := range in.Clients {
		clients = append(clients, AddrText(c))
	}
	for _, s := range in.Servers {
		servers = append(servers, AddrPortText(s))
	}
	text := named(clients, in.Damage.Clients)
	if len(clients) == 0 && in.Damage.Clients == 0 {
		text = "any client"
	}
	if in.Library != "" {
		text += " (" + Printable(in.Library) + ")"
	}
	if len(servers) > 0 {
		text += " -> " + named(servers, len(servers))
	}
	if n := in.Damage.Open; n > 0 && in.Class == incident.Desync {
		text += "; " + CountAs(int64(n), "connection still open", "connections still open") + " at the end"
	}
	return text
}

func named(all []string, n int) string {
	text := strings.Join(all[:min(len(all), maxNamedPeople)], ", ")
	if more := max(n, len(all)) - maxNamedPeople; more > 0 {
		text += fmt.Sprintf(" and %s more", Group(int64(more)))
	}
	return text
}

// Since says from when to when it hurt.
func (t Describer) Since(in *incident.Incident) string {
	from := in.Damage.Since
	if from == 0 {
		from = in.First
	}
	if from == 0 {
		return ""
	}
	text := t.Clock.Full(from, 0)
	if until := max(in.Damage.Until, from); until > from {
		text += " until " + t.Clock.Short(until, from)
	}
	if zone := t.Clock.ZoneName(from); zone != "" {
		text += " " + zone
	}
	if s := &t.Document.Summary; s.Last > 0 {
		text += "; the capture ends at " + t.Clock.Short(s.Last, 0)
	}
	return text
}

// Sure says how well the parts of an incident are known.
func (t Describer) Sure(in *incident.Incident) string {
	text := OrDash(in.Confidence.String())
	weakened := false
	for i := range in.Steps {
		if s := &in.Steps[i]; s.Rule == in.Rule {
			text += fmt.Sprintf(" (%s %s)", Printable(s.Rule), Printable(s.Name))
		}
	}
	for i := range t.Document.Findings {
		f := &t.Document.Findings[i]
		if f.Incident != in.ID {
			continue
		}
		weakened = weakened || f.Weakened
		if f.Confidence > in.Confidence && f.Severity >= incident.High && !strings.Contains(text, f.Name) {
			text += fmt.Sprintf("; %s %s is %s", Printable(f.Rule), Printable(f.Name), f.Confidence)
		}
	}
	if weakened {
		text += "; the capture has gaps in the window of some of its evidence"
	}
	if in.Damage.AtLeast {
		text += "; the counts are the least that is known"
	}
	return text
}

// TrafficText says what went by.
func TrafficText(s *Summary) string {
	return fmt.Sprintf("%s, %s of Redis: %s, %s, %s, %s",
		Count(s.Connections, "connection"), Group(s.Redis), Count(s.Commands, "command"), CountAs(s.Replies, "reply", "replies"),
		Count(s.Clients, "client"), Count(s.Servers, "server"))
}

// StoryPlace says where a story happened.
func StoryPlace(in *incident.Incident) string {
	place := endpoints(in.Story.Client, in.Story.Server)
	if in.Story.Conn > 0 {
		place = strings.TrimSuffix(fmt.Sprintf("connection %d, %s", in.Story.Conn, place), ", ")
	}
	return fmt.Sprintf("What happened on %s", OrDash(place))
}

// RowText is what happened in a row, and what is to be said of it.
func RowText(r *incident.StoryRow) string {
	if r.Note == "" {
		return callText(r)
	}
	return callText(r) + ": " + Printable(r.Note)
}

// callText is what happened in a row, with the number of the command that it is about.
func callText(r *incident.StoryRow) string {
	text := Printable(r.What)
	if r.Index > 0 {
		text = fmt.Sprintf("#%d %s", r.Index, text)
	}
	return text
}

// GotText is the reply that a caller got.
func GotText(r *incident.StoryRow) string { return numbered(r.Believes, r.Got) }

// MeantText is the reply that the server meant.
func MeantText(r *incident.StoryRow) string { return numbered(r.Serves, r.Meant) }

// numbered is a reply with the number of the command that it belongs to.
func numbered(index int, what string) string {
	if index == 0 {
		return OrDash(Printable(what))
	}
	return strings.TrimSpace(fmt.Sprintf("#%d %s", index, Printable(what)))
}

// Sentences joins texts, each with a full stop behind it.
func Sentences(ss []string) string {
	var b strings.Builder
	for _, s := range ss {
		if s == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s)
		if !strings.HasSuffix(s, ".") {
			b.WriteByte('.')
		}
	}
	return b.String()
}

// OrDash is a dash for what is empty.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Group prints a count with thousands separators.
func Group(n int64) string {
	s := Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Count prints a count with its noun, which takes an s in the plural.
func Count(n int64, noun string) string { return CountAs(n, noun, noun+"s") }

// CountAs prints a count with its noun.
func CountAs(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Group(n) + " " + many
}

// RoleLabel begins a line about a step of an incident.
func RoleLabel(r incident.Role) string {
	switch r {
	case incident.RoleCause:
		return "Cause:"
	case incident.RoleHarmless:
		return "Harmless:"
	}
	return "Effect:"
}

// Screen is what an incident did and what it came from, in words.
type Screen struct{ Hurt, Why, Also, Harmless string }

// Screen says what an incident did, why, what else followed, and what of it is harmless.
func (t Describer) Screen(in *incident.Incident) (x Screen) {
	d := &in.Damage
	x.Hurt = mostTallies(d.Commands, 6)
	if saw := mostTallies(d.Saw, 6); saw != "" {
		if x.Hurt != "" {
			x.Hurt += "; "
		}
		x.Hurt += "they saw " + saw
	}
	var why, then, mild []string
	for i := range in.Steps {
		switch s := &in.Steps[i]; {
		case s.Role == incident.RoleCause:
			why = append(why, StepText(s))
		case s.Role == incident.RoleHarmless:
			mild = append(mild, StepText(s))
		case s.Rule != in.Rule:
			then = append(then, StepText(s))
		}
	}
	if len(why) == 0 && in.Cause.What == incident.OriginUnknown && in.Class == incident.Desync {
		why = append(why, "what made the client give up is not in the capture")
	}
	x.Why, x.Also, x.Harmless = strings.Join(why, "; then "), strings.Join(then, "; "), strings.Join(mild, "; ")
	return x
}

// mostTallies names the largest tallies and sums up the others.
func mostTallies(ts []incident.Tally, most int) string {
	if len(ts) > most {
		rest := 0
		for _, x := range ts[most:] {
			rest += x.Count
		}
		ts = append(ts[:most:most], incident.Tally{Label: "others", Count: rest})
	}
	return TallyText(ts)
}
